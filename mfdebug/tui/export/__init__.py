"""Demos as files: pictures, text, recordings of a terminal and animations."""
