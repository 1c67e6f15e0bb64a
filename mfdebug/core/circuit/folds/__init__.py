"""Which nodes share a box, and the boxes and wires of a drawing or of a part of it."""
