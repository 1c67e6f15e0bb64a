"""The layer between Textual and the terminal: output, input, resizing and suspension."""
