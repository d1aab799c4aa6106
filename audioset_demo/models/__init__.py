"""Tagging models: from embeddings (T, 128) to scores over the classes."""
