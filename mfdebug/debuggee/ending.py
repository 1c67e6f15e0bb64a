"""What is written last, when the program ends: the final values of inputs, and how it has ended."""

from __future__ import annotations

import sys

from .last_error import last_error
from .open_pass import OpenPass
from .reading import inputs_of
from .ring import END, FINAL, Record
from .text import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .recorder import Recorder

# Libraries of which it is reported that the program has imported them.
LIBRARIES = ("torch", "autograd", "jax", "tensorflow")


def write_end(recorder: Recorder) -> None:
    """Write how the program of a recorder has ended, after its last pass."""
    if not recorder.suspended:
        # Else the inputs are what passes have left that were not watched.
        _write_final_inputs(recorder)
    imported = [name for name in LIBRARIES if name in sys.modules]
    last = {**last_error(recorder.names, recorder.message), "imported": imported}
    recorder.ring.put(Record(END, data=as_json(last).encode()))


def _write_final_inputs(recorder: Recorder) -> None:
    # The same graph may be known with several orders of calls.
    known = {(graph.number, graph.structure): graph for graph in recorder.graphs}
    for graph in known.values():
        last = OpenPass(recorder.number, {}, graph)
        for node in graph.nodes:
            if not inputs_of(node):
                last.record_value(node, again=False)
        recorder.ring.put(
            Record(
                FINAL,
                graph=graph.number,
                structure=graph.structure,
                layout=recorder.layouts.number_of(tuple(last.entries)),
                data=b"".join(last.parts),
            )
        )
    for numbers in recorder.graph_numbers:
        for number, structure, entries, parts in numbers.final_values():
            layout = recorder.layouts.number_of(tuple(entries))
            recorder.ring.put(
                Record(FINAL, graph=number, structure=structure, layout=layout), parts
            )
