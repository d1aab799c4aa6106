"""Embeddings: frames of 128 numbers, how they are kept, and where they lie among the classes."""
