"""Graphs compiled to run: lists of calls with bound buffers."""
