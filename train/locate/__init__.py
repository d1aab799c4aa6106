"""Does attention point at the sound? Signals of the frames against labels with times."""
