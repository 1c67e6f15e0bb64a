"""Models that other programs saved: a folder for each format, and `model.py`, common to all."""
