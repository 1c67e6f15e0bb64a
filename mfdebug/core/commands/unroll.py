"""`unroll` shows a recurrent layer as nodes of its own, or as one node again."""

from __future__ import annotations

from mfdebug.core.commands.rows.change import UNROLL
from mfdebug.core.commands.status import status
from mfdebug.core.expressions.parser import take_entry
from mfdebug.core.session.reply import Reply
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.core.timeline.debugger import DebuggerError, node_or_error
from mfdebug.core.timeline.unrolled import UnrolledDebugger, carry
from miniflow.text.lists import series

_SWITCHES = ("", "on", "off")


def run_unroll(session: Session, text: str) -> Reply:
    debugger = session.debugger
    entry, switch = take_entry(text, debugger.graph.by_name)
    switch = switch.strip()
    if switch not in _SWITCHES:
        raise DebuggerError(f"{switch[:40]!r} is not understood", hint=f"usage: {UNROLL}")
    name = debugger.graph.nodes[node_or_error(debugger.graph, entry.node)].label
    if not isinstance(debugger, ComputedDebugger):
        raise DebuggerError(
            "a program's graph is shown as the program made it",
            where="unroll",
            hint="save FILE writes this network as a graph file",
        )
    layer = debugger.layer_of(name) if isinstance(debugger, UnrolledDebugger) else None
    if layer is None and not debugger.graph[name].recurrent:
        layers = [node.label for node in debugger.graph.nodes if node.recurrent]
        hint = f"those here: {series(layers, ', ')}" if layers else "RNN, LSTM and GRU are"
        raise DebuggerError(f"{name} is not a recurrent layer", where="unroll", hint=hint)
    if switch == ("off" if layer is None else "on"):
        already = "is one node" if layer is None else "is unrolled"
        return Reply(f"{layer or name} {already} already", {"unrolled": list(debugger.unrolled)})
    return _shown(session, debugger, layer or name, unrolls=layer is None)


def _shown(session: Session, debugger: ComputedDebugger, layer: str, *, unrolls: bool) -> Reply:
    """Show a layer as nodes, or as one, at the present moment."""
    rolled = debugger.rolled
    assert isinstance(rolled, ComputedDebugger)
    if unrolls:
        layers = [*debugger.unrolled, layer]
    else:
        layers = [unrolled for unrolled in debugger.unrolled if unrolled != layer]
    target = UnrolledDebugger(rolled, layers) if layers else rolled
    left = carry(debugger, target, session.progress)
    session.use(target)
    if unrolls:
        assert isinstance(target, UnrolledDebugger)
        words = f"{layer} is unrolled: {len(target.inner[layer]):,} nodes in {layer}/"
    else:
        words = f"{layer} is one node again"
    if left:
        words += f"; left out: {series([edit.words for edit in left], ', ')}"
    data = {"unrolled": layers, "without": [edit.words for edit in left]}
    return Reply(f"{words}\n{status(target)}", data)
