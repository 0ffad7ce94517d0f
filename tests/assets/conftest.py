"""What lies here is read by tests, not run as tests."""

collect_ignore = ["formats"]
