"""Size limits, checked before anything is read or allocated.

A graph file may come from anyone. Each limit is far above what a graph needs that is stepped
through, and below what would exhaust the machine that opens it.
"""

from __future__ import annotations

# A graph file of a million nodes takes about 65 MB.
GRAPH_BYTES = 256 * 2**20

# Tables, and archives whose members are compressed: one tensor of the largest size in float64, and
# its header.
TABLE_BYTES = 2**28 + 2**20

# A model of another library, and all tensors beside a model or a graph file, with their headers.
# What a file really has is bounded by its size; the limits of numbers are for what a few bytes can
# ask for.
MODEL_BYTES = 2**30
BESIDE_BYTES = 2**31 + 2**24

# Numbers that a graph file contains or generates, in one value and in total: 256 MiB in float64,
# generated in half a second. A few words in a file can request them.
NUMBERS = 2**25
# Numbers in the values of all nodes, and in the tensors that the file of a model, or one beside a
# graph file, really has. Gradients take as much again.
TOTAL_NUMBERS = 2**28

# Time steps of all recurrent layers: each is about 100 calls, 26 kilobytes.
STEPS = 10_000

# Axes of one value.
AXES = 8

# Entries of a window on the spatial axes: each takes a few calls of NumPy, made when a graph opens.
TAPS = 2**17
# Numbers that a convolution copies for the product of one sample: 512 MiB in float64.
COLUMNS = 2**26

NAME_LENGTH = 200
DESCRIPTION_LENGTH = 10_000
