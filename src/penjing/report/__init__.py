"""What was found, for people: reads the run folder and nothing else."""
