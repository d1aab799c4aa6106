"""Training data: features in HDF5, and how they are made."""
