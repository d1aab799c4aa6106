"""Looking through the recordings of a tagged folder: what was found, and what a person says of it."""
