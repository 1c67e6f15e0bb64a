"""The rules of PyTorch's optimizers: in symbols, and computed again to compare with the record."""
