"""A sound file or its bytes to mono samples."""
