"""Hostile inputs, drawn from a seed: files that ship, damaged, and forms that are nearly right."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from mfdebug.core.session.script import Origin, session_text
from mfdebug.recording.records import Entry, Fault, Shared
from mfdebug.recording.schema import APPLICATION, FORMAT, TABLES, Head, checksum
from miniflow.ops import OPS
from tests.recording.runs import SQUARE, Recording, square
from tests.support.paths import ROOT

GRAPHS = ROOT / "graphs"
OPTIMIZERS = ("SGD", "Momentum", "Adam", "AdamW", "RMSProp", "Adagrad", "Magic")
SCHEDULES = ("Constant", "StepDecay", "Cosine", "Magic")
NAMES = (
    "x",
    "y",
    "W",
    "b",
    "cost",
    "l1",
    "x ",
    "",
    "\u202e",
    "é",
    "می\u200cروم",
    "a\u200db",
    "\ud800",
    "a" * 201,
    "$",
    "a/b",
)
NUMBERS = (0, -0.0, 1, -1, 1e308, -1e308, 5e-324, 10**30, 2**63, 2**25, "NaN", "-Infinity", "1e999")
PATHS = (
    "../secret.csv",
    "/etc/passwd",
    "link.csv",
    "t.npz",
    "t.safetensors",
    "t.csv",
    "",
    ".",
    "a\0b",
    "//server/share",
    "t.pkl",
    "~/x.csv",
)
# What is put into files: what their readers look for.
WORDS = (
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"NaN", b"1e999", b"-", b"\\u0000", b"\0",
    b"\xff\xfe", b"\xe2\x80\xae", b"\x1b[2J", b"\r", b"\n\n", b"# ", b"say ", b"expect ",
    b"source ", b"set x = [", b"\\ud800", b'"init":', b'"file":', b"../", b"[" * 2000, b"=", b"'''",
)  # fmt: skip


class Input(NamedTuple):
    """One file, and what kind of file it is to be read as."""

    kind: str
    data: bytes


# Damage ----------------------------------------------------------------------------------------


def damaged(random: Random, data: bytes) -> bytes:
    """Return data with a few bytes, pieces or words of it changed."""
    changed = bytearray(data)
    for _ in range(random.choice((0, 1, 1, 1, 2, 5))):
        at = random.randrange(len(changed) + 1)
        length = random.choice((1, 2, 8, 100))
        how = random.randrange(6)
        if how == 0 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif how == 1:
            del changed[at : at + length]
        elif how == 2:
            changed[at:at] = random.choice(WORDS)
        elif how == 3:
            changed[at:at] = changed[at : at + length] * random.choice((1, 3))
        elif how == 4:
            del changed[at:]
        else:
            changed[at : at + length] = random.randbytes(random.choice((1, 2, 8)))
    return bytes(changed)


def of_files(paths: list[Path]) -> Callable[[Random], bytes]:
    """Return what makes damaged versions of files."""
    shipped = [path.read_bytes() for path in paths]
    return lambda random: damaged(random, random.choice(shipped))


# Forms that are nearly right -------------------------------------------------------------------


def _value(random: Random, depth: int = 0) -> Any:
    kind = random.randrange(8 if depth < 3 else 5)
    if kind < 3:
        return random.choice(NUMBERS)
    if kind == 3:
        return random.choice(NAMES)
    if kind == 4:
        return random.choice((True, False, None))
    if kind == 5:
        return [_value(random, depth + 1) for _ in range(random.randrange(4))]
    if kind == 6:
        return {random.choice(NAMES): _value(random, depth + 1)}
    shape = [
        random.choice((1, 2, 3, 0, -1, 2**12, 2**26, None)) for _ in range(random.randrange(4))
    ]
    init = random.choice(("zeros", "ones", "normal", "uniform", "xavier", "magic"))
    return {"init": init, "shape": shape, "seed": random.choice(NUMBERS)}


def _given(random: Random) -> Any:
    """Return a value as an Input may have it, mostly a right one."""
    kind = random.randrange(10)
    if kind < 4:
        return random.uniform(-2, 2)
    if kind < 7:
        rows, columns = random.choice((1, 2, 3)), random.choice((1, 2, 3))
        return [[random.uniform(-1, 1) for _ in range(columns)] for _ in range(rows)]
    if kind == 7:
        return {"file": random.choice(PATHS), "tensor": random.choice(NAMES)}
    return _value(random)


def _attribute(random: Random) -> Any:
    """Return a value as an attribute may have it, mostly of a right kind."""
    few = (0, 1, 2, 3, -1, 0.5, 1e-5, 2**31, True, False, None)
    words = ("tanh", "erf", "all", "both", "keep", "nearest", "linear", "edge", "wrap", "ij,jk->ik")
    kind = random.randrange(8)
    if kind < 4:
        return random.choice(few)
    if kind < 6:
        return [random.choice(few) for _ in range(random.randrange(4))]
    return random.choice(words) if kind == 6 else _value(random)


def _training(random: Random) -> dict[str, Any]:
    """Return training settings of which some are not right."""
    settings: dict[str, Callable[[], Any]] = {
        "optimizer": lambda: {"name": random.choice(OPTIMIZERS), **_some(random, _OF_OPTIMIZER)},
        "batch_size": lambda: random.choice((1, 2, 0, -1, 2**40)),
        "sampling": lambda: random.choice(("all", "epoch", "replacement", "none")),
        "schedule": lambda: {"name": random.choice(SCHEDULES), **_some(random, _OF_SCHEDULE)},
        "clip_value": lambda: random.choice(NUMBERS),
        "clip_norm": lambda: random.choice(NUMBERS),
        "accumulate": lambda: random.choice((1, 2, 0, -1, 2**40)),
        "groups": lambda: [
            {"names": random.choice((*NAMES, "*")), **_some(random, _OF_GROUP)}
            for _ in range(random.randrange(3))
        ],
        "state": lambda: {"sgd_steps": random.choice((0, 3, -1, 2**60)), **_some(random, _KEPT)},
    }
    return {name: make() for name, make in settings.items() if random.random() < 0.4}


_OF_OPTIMIZER = ("learning_rate", "momentum", "beta1", "beta2", "beta", "epsilon", "weight_decay")
_OF_SCHEDULE = ("warmup", "start", "every", "decay", "steps", "least")
_OF_GROUP = ("rate", "weight_decay", "frozen")
_KEPT = ("velocity", "first_moment", "second_moment", "accumulated")


def _some(random: Random, names: tuple[str, ...]) -> dict[str, Any]:
    """Return a few of these settings, with numbers or with what is none."""
    numbers = (0.1, 0.9, 1, 5, 0, -1, 1e-8)
    return {
        name: random.choice(numbers) if random.random() < 0.8 else _value(random)
        for name in random.sample(names, random.randrange(3))
    }


def graph_form(random: Random) -> bytes:
    """Return a graph file of a few nodes, in which here and there something is wrong."""
    odd = random.choice((0.0, 0.0, 0.02, 0.1, 0.3))
    nodes: list[Any] = []
    for i in range(random.randrange(1, 9)):
        name = random.choice(NAMES) if random.random() < odd else f"n{i}"
        op = "Input" if i < 2 else random.choice([*OPS, "Input"])
        node: dict[str, Any] = {"name": name, "op": op}
        if op == "Input":
            node["value"] = _given(random) if random.random() < max(odd, 0.2) else 0.5
            node["trainable"] = random.choice((True, False))
        else:
            known = [
                other["name"] for other in nodes if isinstance(other, dict) and "name" in other
            ]
            least, most = OPS[op].arity
            count = random.choice((least, least, most or 3))
            node["inputs"] = [
                random.choice([*known, "n9"] if known else ["n0"]) for _ in range(count)
            ]
            if attributes := OPS[op].attributes:
                named = random.sample(sorted(attributes), random.randrange(len(attributes) + 1))
                node["attrs"] = {attribute: _attribute(random) for attribute in named}
        if random.random() < odd:
            node[random.choice([*node, "attrs", "shape", "value", "inputs", "x"])] = _value(random)
        nodes.append(_value(random) if random.random() < odd / 4 else node)
    form: dict[str, Any] = {"miniflow": 1, "nodes": nodes}
    if nodes and isinstance(nodes[-1], dict):
        form["cost"] = nodes[-1].get("name")
    if random.random() < 0.3:
        form["training"] = _training(random)
    if random.random() < 0.3:
        table = [[random.choice(NUMBERS)] for _ in range(random.randrange(4))]
        feeds = {"n0": random.choice((table, ["a"], "a", 3)), random.choice(NAMES): [[1.0]]}
        form["data"] = {"feeds": feeds}
        if random.random() < 0.5:
            form["data"]["file"] = random.choice(PATHS)
    if random.random() < odd:
        form[random.choice([*form, "name", "description", "dtype", "data", "x"])] = _value(random)
    text = json.dumps(form, ensure_ascii=random.random() < 0.7)
    data = text.encode("utf-8", "surrogatepass")
    return damaged(random, data) if random.random() < 0.1 else data


def nested(random: Random) -> bytes:
    """Return lists or objects within each other, deeper than anyone needs."""
    depth = random.choice((10, 100, 1_000, 100_000))
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}")))
    inside = opening * depth + b"1" + closing * depth
    return b'{"miniflow": 1, "nodes": [{"name": "x", "op": "Input", "value": ' + inside + b"}]}"


# Tensor files ----------------------------------------------------------------------------------


def _npz(pickled: bool) -> bytes:
    file = io.BytesIO()
    array: Any = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.savez(file, t=np.array([{}], dtype=object) if pickled else array, u=np.arange(3))
    return file.getvalue()


def _safetensors() -> bytes:
    header = {"t": {"dtype": "F64", "shape": [2, 2], "data_offsets": [0, 32]}}
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + np.ones(4).tobytes()


NPZ, PICKLED, SAFETENSORS = _npz(pickled=False), _npz(pickled=True), _safetensors()
SESSION = session_text(Origin("xor", "0" * 64), ["step 3", "set lr = 0.5"])


def tensors(random: Random) -> bytes:
    """Return a tensor file or table, damaged."""
    rows = "\n".join(f"{random.random()},{random.choice(NUMBERS)}" for _ in range(4))
    table = f"a,b\n{rows}\n".encode()
    return damaged(random, random.choice((NPZ, PICKLED, SAFETENSORS, SAFETENSORS, table)))


def session(random: Random) -> bytes:
    """Return a script or a session of commands, damaged."""
    lines = (
        "step 3",
        "sgd 2",
        "set lr = 0.5",
        "break nan",
        "watch cost",
        "goto 3",
        "back",
        "why l1",
    )
    chosen = "\n".join(random.choice(lines) for _ in range(random.randrange(8)))
    text = random.choice((chosen, SESSION, f"# mfdebug session 1\n{chosen}\n# end 1 0\n"))
    return damaged(random, text.encode())


SETTINGS = b"""\
theme = "dark"
ascii = true
history_memory = 64
[keys]
step = ["s", "right"]
back = "S"
"""

# Run files -------------------------------------------------------------------------------------


@cache
def recorded(*, closed: bool) -> bytes:
    """Return a run file, closed or as a killed writer leaves it, with what was written ahead."""
    with TemporaryDirectory() as folder:
        recording = Recording(Path(folder) / "r.mfrun")
        recording.writer.sharing(0, (Shared(1, 0, ((0, 0),)),))
        for number in range(40):
            fault = Fault("forward", 2, "ValueError", "bad") if number == 5 else None
            more = {"fault": fault, "graph": number // 9, "sharing": -(number < 9)}
            recording.add(SQUARE, *square(float(number), np.arange(30.0)), **more)
            recording.writer.output(number, "stdout", b"cost\n")
        recording.final(SQUARE, ("v", 0, -1, 1.0))
        recording.writer.end(0, "the program has ended")
        if closed:
            recording.close()
            return joined(recording.path.read_bytes(), b"")
        ahead = Path(f"{recording.path}-wal").read_bytes()
        left = joined(recording.path.read_bytes(), ahead)
        recording.close()
        return left


def joined(data: bytes, ahead: bytes) -> bytes:
    """Return the two files of a run as one input."""
    return len(data).to_bytes(4, "big") + data + ahead


def parted(data: bytes) -> tuple[bytes, bytes]:
    """Return the file of a run, and what was written ahead of it."""
    size = int.from_bytes(data[:4], "big")
    return data[4 : 4 + size], data[4 + size :]


def run_bytes(random: Random) -> bytes:
    """Return a run file in which some bytes are others: mostly some that are in use."""
    whole = bytearray(recorded(closed=random.random() < 0.7))
    used = [i for i in _in_use(bytes(whole)) if i > 4]
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        at = random.choice(used)
        whole[at] = random.choice((0, 1, 255, whole[at] ^ 1 << random.randrange(8)))
    if random.random() < 0.05:
        del whole[random.randrange(4, len(whole)) :]
    return bytes(whole)


@cache
def _in_use(data: bytes) -> tuple[int, ...]:
    return tuple(i for i, byte in enumerate(data) if byte) + tuple(range(4, 104))


def run_rows(random: Random) -> bytes:
    """Return a run file of rows that are nearly right, each with the sum that it should have."""
    odd = random.choice((0.0, 0.02, 0.1, 0.3))

    def given(usual: Any) -> Any:
        return _value(random) if random.random() < odd else usual

    def number(usual: int) -> int:
        return random.choice((-1, 0, 1, 2, 99, 2**31, 2**62)) if random.random() < odd else usual

    nodes = []
    for i in range(random.randrange(1, 6)):
        inbound = [number(random.randrange(i)) for _ in range(random.randrange(3))] if i else []
        form = {"kind": given("Add"), "inbound": given(inbound), "name": random.choice(NAMES[:6])}
        form["attributes"] = given({"x": _value(random)} if random.random() < odd else {})
        nodes.append(form)
    order = list(range(len(nodes)))
    structure = {"nodes": given(nodes), "forward": given(order), "backward": given(order[::-1])}
    structure["cost"] = given(number(len(nodes) - 1))
    entries, size = [], 0
    for _ in range(random.randrange(6)):
        shape = [number(random.randrange(4)) for _ in range(random.randrange(3))]
        dtype = random.choice(("<f8", "<f8", "<f4", "|b1", "<i8", "float", "int", "text"))
        if random.random() < odd:
            dtype = random.choice(("|O8", "<f3", "<M8", "<U4", "", "f8", "<f16", "<c32", "|V8"))
        shape = [] if dtype == "float" else shape[:1] if dtype in ("int", "text") else shape
        entry = [random.choice("vvvcsg"), number(random.choice(order)), number(-1), dtype, shape]
        entries.append(given(entry))
        with suppress(Exception):
            size += Entry(*entry).size
    data = random.randbytes(min(max(size, 0), 10_000))
    layout = json.dumps(given(entries)).encode("utf-8", "surrogatepass")
    state = {"name": given("p.py"), "by": "", "passes": number(2), "finals": number(0)}
    state |= {"output_from": -1, "ended": given(True), "status": given(0), "ending": given("")}
    thinned = {"stride": number(1), "swept": number(0), "until": number(0)}
    state |= {"bodies": thinned, "inputs": given({"stride": 1, "swept": 0, "until": 0})}
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={FORMAT}")
    for table in TABLES.values():
        connection.execute(table)
    for table, form in (("run", json.dumps(state)), ("structure", json.dumps(structure))):
        content = form.encode()
        connection.execute(f"INSERT INTO {table} VALUES (0,?,?)", (form, checksum(content, 0)))
    text = layout.decode("utf-8", "surrogateescape").encode("ascii", "replace").decode()
    connection.execute("INSERT INTO layout VALUES (0,?,?)", (text, checksum(text.encode(), 0)))
    shared = json.dumps(given([[number(1), number(0), given([[number(0), number(0)]])]]))
    connection.execute("INSERT INTO sharing VALUES (0,?,?)", (shared, checksum(shared.encode(), 0)))
    if state["finals"] == 1 and random.random() < 0.5:
        row = 0, number(1), number(0), number(0)
        connection.execute(
            "INSERT INTO final VALUES (?,?,?,?,?,?)", (*row, data, checksum(data, *row))
        )
    for i in range(2):
        graph, sharing = random.choice(((0, -1), (i, -1), (i, 0)))
        head: list[Any] = [i, 0, 0, number(graph), number(sharing), i, number(1), number(1)]
        head += [0.5, None]
        # All in one row: as if no input were small, which is right for a layout without any.
        for part in (b"", data):
            head += [len(part), checksum(part, i)]
        if random.random() < odd:
            head[9] = json.dumps({"direction": "forward", "node": number(0), "error": "\x1b",
                                  "words": given("")})  # fmt: skip
        fault = None if head[9] is None else head[9].encode()
        crc = Head(*head[:9], fault, *head[10:]).computed_crc()
        marks = ",".join("?" * 15)
        connection.execute(f"INSERT INTO pass VALUES ({marks})", (*head, crc))
        connection.execute("INSERT INTO body VALUES (?,?)", (i, data))
    try:
        return joined(connection.serialize(), b"")
    finally:
        connection.close()
