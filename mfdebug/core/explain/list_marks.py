"""What the signs, numbers, bars and colours of the list of nodes mean: one table for every help."""

from __future__ import annotations

# A value or gradient that an edit has set: an input, a parameter, or after it was computed.
OVERRIDDEN_MARK = "≠"
# What some lists lack: bars beside the numbers, and scopes.
BAR_MARK, FOLDED_MARK = "━▸"
# By sign, a sentence.
MARKS: dict[str, str] = {
    "∙": "not computed yet: there is no value or gradient, which is not the same as 0",
    "~": "stale: of the SGD step before this one, or of parameters before their update",
    "◐": "the gradient is partial: not every consumer has sent its contribution",
    "⊕": "every consumer has sent its contribution; the node's own backward is still ahead",
    OVERRIDDEN_MARK: "set or scaled by you, in whole or in part; `why` has what was computed",
    "*": "trained: the update changes it",
    "!": "it contains NaN or infinity",
    "✓": "computed, but with too many entries to be summed up in the list",
    "?": "unknown: not recorded in a program's run, or not a number",
    "▶": "the node of the present moment, or the folded scope that it is in",
    "●": "a stop is set here",
    "○": "a stop is set here, but disabled",
    "▾ ▸": "a scope, open or folded; a click on the sign changes it; folded, it has the numbers "
    "of its last node, or of the present one",
    "×12": "12 scopes of one structure, one after the other",
}
# What the columns have.
COLUMNS: dict[str, str] = {
    "0.52": "a number; of a tensor, its size: the mean of the absolute values |x| of its entries",
    "0 1 1": "all entries of a tensor of up to 4, where they fit; elsewhere mean |x|",
    "━╸→": "bar: the magnitude of the number before it on a log scale, each cell a factor of 10; "
    "full at 100, an arrow above it, shortest at 1e-6 and less, none for 0",
    "▁▄█": "histogram of the entries from the lowest to the highest; up to 4 entries are numbers",
    "update": "the last update of a parameter relative to its value, |update| / |value| by norms",
    "bold": "bold numbers: computed at this moment, also the gradients that received a "
    "contribution",
    "underlined": "what the search has found",
    "colours": "the accent colour: the present node and its new number; yellow: a gradient of "
    "this pass; red: wrong numbers; grey: stale, absent, or no number",
}
# The same in a few words, the most important first.
LEGEND = (
    "tensor: mean |x|",
    "∙ none yet",
    "~ stale",
    "◐ part",
    "⊕ all",
    "* trained",
    "bold new",
    "! nan",
    "● stop",
    f"{BAR_MARK} ×10 a cell",
    f"{FOLDED_MARK} folded",
    "✓ large",
    "? unknown",
    "≠ set by you",
)
