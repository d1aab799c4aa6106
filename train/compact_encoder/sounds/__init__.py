"""The sounds that the compact encoder is trained on."""
