"""Pictures of a screen of character cells: SVG for one, GIF for several in time."""
