"""The commands with many arguments, one module each: arguments, and what they do."""
