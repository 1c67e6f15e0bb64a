"""The same numbers as PyTorch's; `pip install -e '.[test,peers]'` brings it."""
