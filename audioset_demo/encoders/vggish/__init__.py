"""VGGish: the network, its weights, and the post-processing of its output."""
