"""What a network is for: one folder per task, with its data, its metrics and its defaults."""
