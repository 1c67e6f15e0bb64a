"""The graph drawn as a circuit: boxes, wires, a value above each wire, a gradient below it.

From a graph to a drawing, in the order of the data flow:

1. `folds/`: which nodes share a box (`folding.py`, by the scopes of the list, which are in
   `mfdebug/core/explain/scopes.py`), and the boxes and wires (`boxes.py`) of a drawing, whole
   (`excerpt.py`) or around a node (`neighbourhood.py`).
2. `layout/`: everything gets its place (`layout.py`): `layers.py`, `ordering.py`, `rows.py` (with
   `spread.py` and `ports.py`), `channels.py`, `columns.py`. The method is that of Sugiyama, Tagawa
   and Toda (1981), on a grid of characters. `plans.py` chooses how a graph fits a window: whole, in
   `bands.py`, folded, scrolled, or a neighbourhood.
3. `drawing/`: `picture.py` draws what no moment changes (`raster.py`, `arms.py`, on a `canvas.py`),
   `moment.py` what a moment does: numbers (`readings.py`, `numbers.py`, `bars.py`), lit wires, the
   active box.
4. `text.py`, `svg.py` and `data.py` write a drawing out.

A user of the package needs `circuit.Circuit`, and `Window` and `STYLES` of `drawing/canvas.py`:

    circuit = Circuit(debugger.graph, debugger.plan.shapes, 80, 17)  # once for a size
    circuit.follow(debugger.where.node)         # only matters if the graph is too large
    rows = circuit.draw(debugger, Window(0, 0, 80, 17), chosen=box)  # for each moment

`draw` returns a list of (text, style name) for each row of the window. A box is chosen by
`box_of(node)`, by `at(x, y)` for a click, and by `neighbour(box, direction)` for an arrow key;
`opened_with(box)` and `opened_without(node)` return what another circuit gets as `opened`;
`scrolled_to(box, window)` moves a window as little as possible. Nothing here knows a screen or a
key.

State is never shown by style alone: a lit wire is heavy and has an arrowhead, the active box has a
heavy frame (an input a `▶`), `∙` is not computed, `?` not known, `~` of an earlier pass or older
than a parameter, `◐` a gradient that lacks contributions, `|x|` the mean of absolute values, `*` a
parameter.
"""
