"""Limits, in one place, checked before anything is read or allocated.

A graph file may come from anyone. Each limit is far above what a graph to be stepped through
needs, and below what would harm the machine that opens it.
"""

from __future__ import annotations

# A graph file of a million nodes takes about 65 MB.
GRAPH_BYTES = 256 * 2**20

# A table or tensor file: one tensor of the largest size in float64, and its header.
TABLE_BYTES = 2**30 + 2**20

# Numbers in one value, and in all values of a graph: 1 and 2 GiB in float64. Gradients take the
# same again.
NUMBERS = 2**27
TOTAL_NUMBERS = 2**28

# Axes of one value.
AXES = 8

NAME_LENGTH = 200
DESCRIPTION_LENGTH = 10_000
