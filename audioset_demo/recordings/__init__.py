"""Looking through a tagged folder: what was found, and what a person says of it."""
