"""Training: data, optimizers, SGD steps."""
