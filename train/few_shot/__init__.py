"""Classes of one's own from a few clips each: a linear head on the frozen embeddings."""
