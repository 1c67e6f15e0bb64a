"""Text output: lists, printable characters, graphs as text."""
