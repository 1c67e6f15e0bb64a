"""A graph within a Python process: open the debugger on it, or draw it in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import miniflow
from mfdebug.config.settings import read_settings
from mfdebug.config.terminal import abilities, has_screen
from mfdebug.debuggee.name_facts import Names
from mfdebug.recording.node_names import Naming, NodeFacts, Variable
from miniflow.errors import FeedError, GraphError, MiniflowError
from miniflow.functional import as_graph
from miniflow.graph import Graph
from miniflow.node import Input, Node
from miniflow.training.optimizers import Optimizer

if TYPE_CHECKING:
    from mfdebug.core.session.session import Session

NO_TERMINAL = """\
mfdebug needs a terminal, and there is none. Either save the graph and open it in a terminal:

    miniflow.save(cost, "graph.json")     then:  mfdebug graph.json

or step through it here, one command at a time:

    from mfdebug.core.session.session import Session
    from mfdebug.core.commands.interpreter import open_session
    from mfdebug.core.timeline.computed_debugger import ComputedDebugger
    session = open_session(ComputedDebugger(graph))
    print(session.run("step").text)
"""

# Columns of a drawing in a notebook.
NOTEBOOK_WIDTH = 120


def has_terminal() -> bool:
    """Whether the app can be shown to the user here."""
    from mfdebug.debuggee.trace import in_notebook

    return not in_notebook() and has_screen()


def run_app(session: Session) -> None:
    """Run the app on a session until the user quits."""
    settings = read_settings()
    able = abilities(theme=settings.theme, ascii_only=settings.ascii_only)
    able.prepare()
    from mfdebug.tui.app import run_session

    run_session(session, commands=[], settings=settings, abilities=able)


def graph_as_html(graph: Graph) -> str:
    """Return a graph as a drawing for notebooks: with the values that it has, if it can run."""
    from mfdebug.core.circuit.circuit import Circuit
    from mfdebug.core.circuit.svg import svg

    try:
        from mfdebug.core.timeline.computed_debugger import ComputedDebugger

        debugger = ComputedDebugger(graph)
    except MiniflowError:
        # An input has no value yet, or shapes do not fit.
        debugger = None
    circuit = Circuit(graph, None if debugger is None else debugger.plan.shapes, NOTEBOOK_WIDTH)
    return svg(circuit.draw(debugger), circuit.width, repr(graph).strip("<>"), background=False)


def run_as_html(path: Path | None) -> str:
    """Return the graph of the first pass of a run file as a drawing for notebooks, or why not."""
    from html import escape

    from mfdebug.core.circuit.circuit import Circuit
    from mfdebug.core.circuit.svg import svg
    from mfdebug.opening.runs import open_run

    if path is None or not path.exists():
        return "<p>nothing is recorded yet</p>"
    try:
        debugger = open_run(str(path)).debugger
    except MiniflowError as error:
        return f"<p>{escape(str(error))}</p>"
    debugger.move(debugger.timeline.length)
    circuit = Circuit(debugger.graph, debugger.plan.shapes, NOTEBOOK_WIDTH)
    return svg(circuit.draw(debugger), circuit.width, path.name, background=False)


def debug_graph(
    subject: Graph | Node | Sequence[Node],
    feed_dict: Mapping[Node, Any],
    trainables: Sequence[Node],
    optimizer: Optimizer | None,
    frame: FrameType,
) -> None:
    """Open the debugger on a graph, or without a terminal print what to do instead.

    `frame` is the caller's, whose variables name the nodes. Raises `FeedError` if a node in
    `feed_dict` is not an input.
    """
    for node, value in feed_dict.items():
        if not isinstance(node, Input):
            raise FeedError(f"{node!r} is fed, but it is not an Input", where="feed_dict")
        node.value = value
    with _named_by(frame, _nodes(subject)):
        _debug(subject, trainables, optimizer)


def debug_tensor(tensor: Any, frame: FrameType) -> None:
    """Show what a tensor of PyTorch was computed from; in a notebook, print what to do instead.

    `frame` is the caller's, whose variables name modules and inputs. Raises `GraphError` for a
    tensor that no gradient flows through.
    """
    from mfdebug.debuggee.trace import show_below

    if tensor.grad_fn is None:
        raise GraphError(
            "no gradient flows through the tensor: it has no grad_fn",
            hint="debug the loss, computed with gradients on, from tensors that require them",
        )
    if not show_below(tensor, frame):
        raise GraphError(
            "this thread is not watched",
            hint="only the thread that imported torch is, or that first called mfdebug",
        )


def _debug(
    subject: Graph | Node | Sequence[Node],
    trainables: Sequence[Node],
    optimizer: Optimizer | None,
) -> None:
    graph = as_graph(subject, trainables)
    if optimizer is not None:
        graph.training = replace(graph.training, optimizer=optimizer)
    if not has_terminal():
        sys.stdout.write(NO_TERMINAL)
        return
    from mfdebug.core.commands.interpreter import open_session
    from mfdebug.core.timeline.computed_debugger import ComputedDebugger
    from mfdebug.opening.graphs import others_of

    session = open_session(ComputedDebugger(graph, history_memory=read_settings().history_bytes))
    session.open_other = others_of(None)
    run_app(session)


def _nodes(subject: Any) -> list[Node]:
    """Return the nodes that a graph will be built from; empty if `subject` is a graph."""
    found = [subject] if isinstance(subject, Node) else []
    if isinstance(subject, list | tuple):
        found = [node for node in subject if isinstance(node, Node)]
    for node in found:
        found.extend(source for source in dict.fromkeys(node.inbound_nodes) if source not in found)
    return found


@contextmanager
def _named_by(frame: FrameType, nodes: Sequence[Node]) -> Iterator[None]:
    """Within the context, name unnamed nodes after the caller's variables."""
    names = Names(str(Path(miniflow.__file__ or "").parent))
    variables = names.variables(frame)
    facts = [
        NodeFacts(node.name or "", [Variable(*fields) for fields in variables.get(id(node), [])])
        for node in nodes
    ]
    unnamed = [node for node in nodes if not node.name]
    for node, name in zip(nodes, Naming().names(facts), strict=True):
        node.name = node.name or name or None
    try:
        yield
    finally:
        for node in unnamed:
            node.name = None
