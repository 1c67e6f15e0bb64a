"""The legend: what the signs, blocks and colours of the screen mean.

It holds the words by which people search for them. Tests compare it with what the widgets show.
"""

from __future__ import annotations

from mfdebug.core.explain import list_marks

MARKS = {
    **list_marks.MARKS,
    "●": f"{list_marks.MARKS['●']}; in the list of stops: met at this moment",
    "├ └": "the edges of a node that is open: from its inputs, to its consumers",
    "━": "a bold title line: the part of the screen that has the focus",
}
NUMBERS = {
    "4x2 ()": "the shape of a value: 4 rows, 2 columns; () is one number",
    "▁▂▃▅▇█": "a histogram: a block for each part of the range from the smallest entry to the "
    "largest, as high as its share of the entries; a blank has none",
    "0.4 … 0.6": "the smallest and the largest entry; mean is the mean of all",
    "… rows 0-5 of 20": "only a part of the tensor fits; it moves with the chosen entry",
    "∂cost/∂W1": "the gradient of W1: how the cost changes when W1 does",
    "▸ value": "in the node panel: why, watch, print and last take this number",
    "×10⁻³": "e-3 in ASCII: the numbers below, times this, are the tensor's",
    "▸ row ▾": "in a matrix product: the row and the column that meet in the chosen number",
    "× · ⊙": "a product of numbers, of matrices, entry by entry; each is * in ASCII",
    "ᵀ Σ √": "a matrix transposed; a sum; a square root",
    "…": "something is cut here for lack of room",
}
CURVES = {
    "⠒⠤⣀": "the curve: the cost after each SGD step",
    "⠒ ⠒": "the cost of another branch, which an edit has left, as far as it was computed",
    "epoch 2 3/28": "the SGD step is the 3rd of 28 in epoch 2, counted from 0; a step is a batch",
    "◆ •": "in the curve: the present SGD step; a step between steps that are not finite",
    "○ ◆ ▾": "in the landscape of the cost: the SGD steps, the parameters now, where other "
    "learning rates would lead",
    "░ 0.2 ▒ 0.4": "below a landscape or the answers: the cost or answer from which on cells have "
    "this shade",
    "▂▃▅▇": "in the list of watches: the trend, a block for each earlier number",
}
HEATMAPS = {
    "blue, orange": "positive, negative; stronger is larger; grey where all have one sign",
    "▾ ▸ ▀ ▄": "the chosen entry's column and row; where two rows share a line, which is so "
    "in colour and never in ASCII, ▀ is the upper one, ▄ the lower one",
    "each cell: the largest of 4x2": "a cell stands for a block of 4 rows and 2 "
    "columns: it has the shade of the block's largest magnitude",
    "░▒▓█": "with few or no colours: the larger a number, the darker its shade; the "
    "sign before it is the number's; in ASCII _:;/I%HM",
    "! ∞": "NaN, infinity (8 in ASCII)",
    "-0.3 … 0.5": "the smallest and the largest number shown; shades of "
    "numbers of one sign begin at the one nearest to 0, other shades at 0",
}
CIRCUIT = {
    "above, below": "above a wire the value that it carries, below it the gradient",
    "|0.42|": "the mean of the absolute values of a tensor; up to 4 entries are numbers; |e-12| "
    "is its power of ten alone, for lack of room",
    "━ ▶ ◀": "a heavy wire carries something at this moment: a value forward, a gradient back",
    "┏━┓": "a heavy box is the node of this moment; so is an input with ▶ before its name",
    "∙ ~ ◐ ?": "not computed; stale; contributions are missing; not known",
    "┼": "two wires cross; ┬ ├ • are branches of one wire",
    "×12": "a box that stands for 12 blocks, or for a scope; it opens, and has a bar for each "
    "block: the magnitude on a log scale",
    "x ▸, ▸ x": "the wire continues below, or elsewhere, under this name",
    "◂ 44 columns": "in the title: so much of the drawing is out of view",
    "reversed": "a number computed at this moment",
}
COLOURS = {
    "bold": "a number just computed, or one of at least two thirds of the largest in its tensor",
    "faint": "a number below a tenth of the largest in its tensor",
    "dim": "0, a stale number, what is not computed, and words beside numbers",
    "underlined": "the chosen entry; it is reversed while the panel has the focus",
    "green, red": "the colour (color) of a number is its sign: positive, negative",
    "red, bold": "NaN, infinity, a broken health rule, an error",
    "orange, yellow, magenta": "a gradient that is computed, a stop, a message of a stop",
    "blue, cyan": "the node of the present moment, titles, keys",
    "marked row": "the node under the cursor; with few colours its name is reversed",
}
