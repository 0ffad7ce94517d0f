"""Contract tests that the author of a plug-in can inherit; nothing in the package imports them."""
