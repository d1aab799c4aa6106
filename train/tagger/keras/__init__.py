"""The tagging models in Keras."""
