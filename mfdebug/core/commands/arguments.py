"""Parsers of command arguments: an entry of a node, a file, the number of a stop or a watch."""

from __future__ import annotations

from pathlib import Path

from mfdebug.core.expressions.parser import parse_entry, take_entry
from mfdebug.core.session.session import Session
from mfdebug.core.timeline.debugger import DebuggerError, node_or_error
from mfdebug.core.timeline.entry_ref import Attribute, EntryRef
from miniflow.files.paths import check_ordinary


def chosen_number(session: Session, text: str, usage: str) -> EntryRef:
    """Parse `[grad] NODE[i,j]` or `NODE.grad[i,j]`.

    The default index is that of the entry for which a stop was just met, else the first entry.
    Without a node, the result is the entry for which a stop was just met.
    """
    debugger, stops = session.debugger, session.stops
    if not text:
        for hit in stops.met_now:
            if hit.finding.ref is not None:
                return hit.finding.ref
        raise DebuggerError("which number?", hint=f"usage: {usage}")
    names = debugger.graph.by_name
    gradient = text.startswith("grad ") and "grad" not in names
    entry, rest = take_entry(text[5:] if gradient else text, names)
    if rest:
        raise DebuggerError(f"{rest!r} is not understood", hint=f"usage: {usage}")
    node = node_or_error(debugger.graph, entry.node)
    attribute: Attribute = "grad" if gradient else entry.attribute
    if entry.index is None and (ref := stops.ref_of(node, attribute)) is not None:
        return ref
    shape = debugger.plan.shapes[node]
    index = (0,) * len(shape) if entry.index is None else entry.index
    debugger.check_index(node, index)
    return EntryRef(node, attribute, tuple(i % n for i, n in zip(index, shape, strict=True)))


def chosen_node(session: Session, text: str, question: str, usage: str) -> int:
    """Return the node that is named, or that of the present moment if `text` is empty.

    Without either, the error asks the `question`.
    """
    debugger = session.debugger
    if text:
        return node_or_error(debugger.graph, parse_entry(text, debugger.graph.by_name).node)
    if debugger.where.node is None:
        raise DebuggerError(question, hint=f"usage: {usage}")
    return debugger.where.node


def file_named(text: str) -> Path:
    """Return the path of a file to read or write; it need not exist.

    Raises `MiniflowError` for an invalid file name, a folder, a device or a pipe.
    """
    try:
        text.encode()
        path = Path(text).expanduser()
    except (RuntimeError, ValueError) as error:
        raise DebuggerError(f"not a file name: {error}", where=text[:100]) from None
    check_ordinary(path, text)
    return path


def number_of(text: str, what: str, usage: str) -> int:
    """Parse the number of a stop or a watch."""
    if not text.isdecimal() or len(text) > 9:
        raise DebuggerError(f"{text!r} is not the number of a {what}", hint=f"usage: {usage}")
    return int(text)
