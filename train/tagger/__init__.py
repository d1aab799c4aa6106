"""Training of the tagging models."""
