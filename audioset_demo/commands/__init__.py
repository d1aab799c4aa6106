"""The commands that read sounds, one module each: arguments, and what they do."""
