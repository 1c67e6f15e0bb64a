"""The format of a run file: its tables, their JSON, and the checksum of each row.

A run file is a SQLite database that is written while a program runs, so that it is intact however
the program ends. It may be opened later, on another machine, by a user who does not trust it.
docs/run-file.md describes the tables.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from mfdebug import __version__
from mfdebug.recording.records import Entry, Fault, RecordedNode, StepEntry, Structure
from mfdebug.recording.thinning import Thinning
from miniflow.files.values import SPELLED

FORMAT = 2
# "mfru", in the header of the database.
APPLICATION = 0x6D667275

TABLES = {
    "run": "CREATE TABLE run (number INTEGER PRIMARY KEY, state TEXT, crc INTEGER)",
    "structure": "CREATE TABLE structure (number INTEGER PRIMARY KEY, form TEXT, crc INTEGER)",
    "layout": "CREATE TABLE layout (number INTEGER PRIMARY KEY, form TEXT, crc INTEGER)",
    "sharing": "CREATE TABLE sharing (number INTEGER PRIMARY KEY, form TEXT, crc INTEGER)",
    # The cost has no type: a REAL column would lose the sign of -0.0.
    "pass": "CREATE TABLE pass (number INTEGER PRIMARY KEY, structure INTEGER, layout INTEGER, "
    "graph INTEGER, sharing INTEGER, turn INTEGER, whole INTEGER, complete INTEGER, cost, "
    "fault TEXT, inputs INTEGER, inputs_crc INTEGER, body INTEGER, body_crc INTEGER, crc INTEGER)",
    "inputs": "CREATE TABLE inputs (number INTEGER PRIMARY KEY, data BLOB)",
    "body": "CREATE TABLE body (number INTEGER PRIMARY KEY, data BLOB)",
    "final": "CREATE TABLE final (number INTEGER PRIMARY KEY, graph INTEGER, structure INTEGER, "
    "layout INTEGER, data BLOB, crc INTEGER)",
    "output": "CREATE TABLE output (place INTEGER PRIMARY KEY, stream TEXT, data BLOB, "
    "crc INTEGER)",
    "optimizer": "CREATE TABLE optimizer (number INTEGER PRIMARY KEY, form TEXT, crc INTEGER)",
    "step": "CREATE TABLE step (place INTEGER PRIMARY KEY, optimizer INTEGER, settings TEXT, "
    "size INTEGER, data_crc INTEGER, data BLOB, crc INTEGER)",
}
# The tables of each format that can be read: the first had none for optimizers.
TABLES_OF = {
    1: {name: table for name, table in TABLES.items() if name not in ("optimizer", "step")},
    FORMAT: TABLES,
}

# The key of a piece of output is (pass + 1) * PIECES + its number; -1 is before the first pass.
PIECES = 1 << 20
Stream = Literal["stdout", "stderr"]
# The key of an optimizer's step is its pass * STEPS + its number; further ones are not kept.
STEPS = 64

# Flags in the column `complete`: the pass is finished; passes right before it were not watched.
FINISHED, AFTER_GAP = 1, 2

# The last so many passes may be replaced.
REPLACEABLE = 2

# Larger numbers do not come from a recorded program.
MOST_NODES = 1 << 20
MOST_PASSES = 1 << 40
# A pass of more bytes keeps only its cost and small inputs: SQLite limits the size of a row.
BODY_BYTES = 1 << 29
# An input of at most so many bytes is always kept.
SMALL_INPUT = 4096
WORDS = 2000

# The bytes of a row.
Bytes = bytes | bytearray | memoryview
Count = Annotated[int, Meta(ge=0, le=MOST_PASSES)]
Number = Annotated[int, Meta(ge=0, lt=MOST_NODES)]


class State(Struct, forbid_unknown_fields=True):
    """The state of the whole file, rewritten with every commit.

    `passes` and `finals` count rows, so that a lost row is detected. Output before pass
    `output_from` is incomplete. The large row of pass `late` is still to be written, -1 if none.
    """

    name: str
    by: str = f"mfdebug {__version__}"
    passes: Count = 0
    finals: Count = 0
    output_from: Annotated[int, Meta(ge=-1, le=MOST_PASSES)] = -1
    late: Annotated[int, Meta(ge=-1, le=MOST_PASSES)] = -1
    bodies: Thinning = Thinning()
    inputs: Thinning = Thinning()
    ended: bool = False
    status: int | None = None
    ending: str = ""


class NodeForm(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A node of a structure."""

    kind: str
    inbound: tuple[Number, ...] = ()
    name: str = ""
    ours: bool = False
    attributes: dict[str, Any] = {}
    file: str = ""
    line: Annotated[int, Meta(ge=0, lt=1 << 31)] = 0
    engine: str = ""
    trained: bool = False


class StructureForm(Struct, forbid_unknown_fields=True):
    """A structure; node numbers are indices into `nodes`."""

    nodes: Annotated[tuple[NodeForm, ...], Meta(min_length=1, max_length=MOST_NODES)]
    forward: tuple[Number, ...]
    backward: tuple[Number, ...]
    cost: Number


class OptimizerForm(Struct, forbid_unknown_fields=True):
    """An optimizer, and the nodes of a pass that a step of it concerns.

    `known`: it is one of PyTorch's own. `groups` are the nodes that were updated, by group of
    parameters; `later` those that were updated only after a later pass. `entries` describe the
    bytes of a step: its nodes' `before` and `gradient` where they were not those of the pass,
    `after`, and `state.` and the name of what the optimizer kept before the step.
    """

    optimizer: str
    known: bool
    groups: tuple[tuple[Number, ...], ...]
    later: tuple[Number, ...]
    entries: tuple[StepEntry, ...]


class SharedForm(Struct, forbid_unknown_fields=True, array_like=True):
    """The inputs that a graph shares with another."""

    less: Annotated[int, Meta(ge=-MOST_PASSES, le=MOST_PASSES)]
    structure: Count
    pairs: tuple[tuple[Number, Number], ...]


STATE = msgspec.json.Decoder(State)
STRUCTURE = msgspec.json.Decoder(StructureForm)
LAYOUT = msgspec.json.Decoder(tuple[Entry, ...])
FAULT = msgspec.json.Decoder(Fault)
SHARING = msgspec.json.Decoder(tuple[SharedForm, ...])
OPTIMIZER = msgspec.json.Decoder(OptimizerForm)
SETTINGS = msgspec.json.Decoder(tuple[dict[str, Any], ...])


# Writing JSON ------------------------------------------------------------------------------------


def structure_form(structure: Structure) -> bytes:
    """Return a structure as JSON."""
    nodes = tuple(
        NodeForm(
            node.kind,
            node.inbound,
            node.name,
            node.ours,
            {key: _plain(value) for key, value in node.attributes.items()},
            node.file,
            node.line,
            node.engine,
            node.trained,
        )
        for node in structure.nodes
    )
    form = StructureForm(nodes, structure.forward, structure.backward, structure.cost)
    return msgspec.json.encode(form)


def state_row(state: State) -> tuple[int, str, int]:
    """Return the row of the table `run`."""
    form = msgspec.json.encode(state)
    return 0, form.decode(), checksum(form, 0)


def _plain(value: Any) -> Any:
    """Return a setting of an op as plain JSON data; anything else becomes its `repr`."""
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return int(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return repr(value)[:WORDS]


def attribute(value: Any) -> Any:
    """Return a setting of an op from its JSON; lists become tuples."""
    if isinstance(value, list):
        return tuple(attribute(entry) for entry in value)
    if isinstance(value, str):
        return SPELLED.get(value, value)
    return value


def node_of(form: NodeForm) -> RecordedNode:
    """Return the node of a form, with its text unchanged."""
    attributes = {key: attribute(value) for key, value in form.attributes.items()}
    return RecordedNode(
        form.kind,
        form.inbound,
        form.name,
        form.ours,
        attributes,
        form.file,
        form.line,
        form.engine,
        form.trained,
    )


# Checksums ---------------------------------------------------------------------------------------

_HEAD = struct.Struct("<qqqqqqqqdqqqq")


def checksum(data: Bytes, *numbers: int) -> int:
    """Return the CRC-32 of a row of some numbers and one text or blob."""
    return zlib.crc32(data, zlib.crc32(struct.pack(f"<{len(numbers)}q", *numbers)))


class Head(NamedTuple):
    """A row of the table `pass`; `fault` is JSON, `crc` covers the columns before it."""

    number: int
    structure: int
    layout: int
    graph: int
    sharing: int
    turn: int
    whole: int
    complete: int
    cost: float | None
    fault: bytes | None
    inputs: int = 0
    inputs_crc: int = 0
    body: int = 0
    body_crc: int = 0
    crc: int = 0

    def computed_crc(self) -> int:
        """Return the CRC-32 that belongs here; it includes those of inputs and body."""
        cost = math.nan if self.cost is None else self.cost
        packed = _HEAD.pack(*self[:8], cost, *self[10:14])
        # No fault must differ from an empty one.
        return zlib.crc32(packed if self.fault is None else packed + b"\0" + self.fault)
