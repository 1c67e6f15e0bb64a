"""Whether one hostile file did any harm: what came of it, or an `AssertionError` that says what.

A file is loaded, looked at for a few moments, or refused with one error of ours. While it is,
nothing outside its folder may be opened, nothing pickled be read, and no process started.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from mfdebug.config.settings import VARIABLE, read_settings
from mfdebug.core.commands.interpreter import check_known, open_session
from mfdebug.core.session.demo import read_demo
from mfdebug.core.session.script import read_script
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from mfdebug.recording.reader import RunReader
from mfdebug.recording.records import Numbers, Outline
from miniflow.errors import FileError, MiniflowError
from miniflow.files import load
from miniflow.graph import Graph
from miniflow.importers import pt2
from miniflow.importers.onnx import load as load_onnx
from miniflow.text.characters import is_printable
from tests.hostile.example_files import WITH_EXAMPLES, parted_example
from tests.hostile.inputs import GRAPHS, SAFETENSORS, Input, parted, recorded
from tests.hostile.onnx_inputs import MODELS
from tests.miniflow.importers.pt2.archives import FILES

SECONDS = 2.0
MEGABYTES = 512
# Numbers up to which a graph is stepped too: loading is what is judged.
STEPPED = 10_000
LINES = (
    "step 3",
    "sgd",
    "explain",
    "print cost",
    "find n",
    "why cost",
    "step 2",
    "watch",
    "diff 1",
)
_FORBIDDEN = ("pickle.find_class", "subprocess.Popen", "os.system", "socket.connect")


class Watch:
    """Python's audit events while a file is read: what was opened, and what must not happen."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.found: list[str] = []
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event in _FORBIDDEN:
            self.found.append(f"{event} {arguments}")
        elif event == "open" and isinstance(arguments[0], str | bytes):
            path = os.fsdecode(arguments[0])
            # Python's own modules, loaded late, are no file of the graph's.
            if not path.endswith((".py", ".pyc", ".so")) and not self._inside(path):
                self.found.append(f"opened {path}")

    def _inside(self, path: str) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self.folder or "/")


class Judge:
    """Judges inputs one after the other in `folder`, which is its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "inside"
        self.folder.mkdir()
        secret = folder / "secret.csv"
        secret.write_text("a,b\n1,2\n")
        (self.folder / "link.csv").symlink_to(secret)
        # Has Python load what it loads late, before anything is watched.
        self._read(Input("graph", (GRAPHS / "wx.json").read_bytes()))
        self._read(Input("tensors", SAFETENSORS))
        self._read(Input("model", (FILES / "mlp.pt2").read_bytes()))
        self._read(Input("run", recorded(closed=True)))
        self._read(Input("onnx", (MODELS / "lstm.onnx").read_bytes()))
        for number, name in enumerate(WITH_EXAMPLES):
            beside = (MODELS / f"{name}.safetensors").read_bytes()
            self._read(Input("example", bytes([number]) + beside))
        self.watch = Watch()
        self.slowest = 0.0
        self.most_bytes = 0
        signal.signal(signal.SIGALRM, _too_long)

    def judge(self, given: Input) -> str:
        """Return "loaded", or the kind of error that refused it."""
        begun = time.perf_counter()
        self.watch.folder = self.folder.resolve()
        signal.setitimer(signal.ITIMER_REAL, 5 * SECONDS)
        try:
            told = self._read(given)
        except MiniflowError as error:
            _check_error(str(error))
            told = type(error).__name__
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.watch.folder = None
        taken = time.perf_counter() - begun
        self.slowest = max(self.slowest, taken)
        self.most_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        assert not self.watch.found, self.watch.found
        assert taken < SECONDS, f"it took {taken:.1f} s"
        return told

    def _read(self, given: Input) -> str:
        reader: dict[str, Callable[[bytes], str]] = {
            "graph": self._graph,
            "model": self._model,
            "tensors": self._tensors,
            "session": self._session,
            "demo": self._demo,
            "settings": self._settings,
            "run": self._run,
            "onnx": self._onnx,
            "example": self._example,
        }
        return reader[given.kind](given.data)

    def _onnx(self, data: bytes) -> str:
        (self.folder / "m.onnx").write_bytes(data)
        return self._stepped(load_onnx(self.folder / "m.onnx"))

    def _example(self, data: bytes) -> str:
        """A model opens whatever is beside it; its description says why that is not used."""
        model, beside = parted_example(data)
        (self.folder / "e.onnx").write_bytes(model)
        (self.folder / "e.safetensors").write_bytes(beside)
        try:
            graph = load_onnx(self.folder / "e.onnx")
        except MiniflowError as error:
            raise AssertionError(f"the model is refused for its example: {error}") from None
        _check_text(graph.description)
        told = self._stepped(graph)
        return f"{told} without" if "e.safetensors is not used" in graph.description else told

    def _graph(self, data: bytes) -> str:
        (self.folder / "g.json").write_bytes(data)
        return self._stepped(load(self.folder / "g.json"))

    def _model(self, data: bytes) -> str:
        (self.folder / "m.pt2").write_bytes(data)
        return self._stepped(pt2.load(self.folder / "m.pt2"))

    def _stepped(self, graph: Graph) -> str:
        if sum(_numbers(shape) for shape in graph.shapes()) > STEPPED or len(graph) > STEPPED:
            return "loaded, large"
        session = open_session(ComputedDebugger(graph))
        for line in LINES:
            try:
                told = session.run(line).text
            except MiniflowError as error:
                _check_error(str(error))
                continue
            _check_text(told)
        return "loaded"

    def _tensors(self, data: bytes) -> str:
        told = "FileError"
        for kind in ("t.npz", "t.safetensors", "t.csv"):
            (self.folder / kind).write_bytes(data)
            try:
                told = self._graph(_graph_of(kind))
            except MiniflowError as error:
                _check_error(str(error))
        return told

    def _session(self, data: bytes) -> str:
        path = self.folder / "s.script"
        path.write_bytes(data)
        script = read_script(path, check_known)
        for _, line in script.lines:
            _check_text(line)
        return "loaded"

    def _demo(self, data: bytes) -> str:
        path = self.folder / "d.demo"
        path.write_bytes(data)
        demo = read_demo(path, check_known)
        _check_text(demo.title)
        return "loaded"

    def _settings(self, data: bytes) -> str:
        path = self.folder / "config.toml"
        path.write_bytes(data)
        settings = read_settings({VARIABLE: str(path)})
        _check_text(repr(settings.keys))
        return "loaded"

    def _run(self, data: bytes) -> str:
        path = self.folder / "r.mfrun"
        for left in self.folder.glob("r.mfrun*"):
            left.unlink()
        content, ahead = parted(data)
        path.write_bytes(content)
        if ahead:
            (self.folder / "r.mfrun-wal").write_bytes(ahead)
        reader = RunReader(path)
        try:
            refused = _read_run(reader)
        finally:
            reader.close()
        return "loaded in part" if refused else "loaded"


def _read_run(reader: RunReader) -> int:
    """Read all of a run; return how many things in it were refused."""
    refused = 0
    _check_text(reader.name + reader.ending)
    for line, structure in enumerate(reader.lines):
        for node in structure.nodes:
            _check_text(f"{node.kind}{node.name}{node.file}")
            _check_text("".join(map(str, [*node.attributes, *node.attributes.values()])))
        assert len(reader.steps(line)) == len(reader.costs(line))
    for number in range(len(reader)):
        for look in (reader.outline, reader.numbers, reader.inputs_after, reader.outputs):
            try:
                found = look(number)
            except FileError as error:
                _check_error(str(error))
                refused += 1
                continue
            if isinstance(found, Outline) and found.fault is not None:
                _check_text(found.fault.error + found.fault.words)
            if isinstance(found, Numbers):
                _check_text("".join(found.texts.values()))
    return refused


def limit_memory() -> None:
    """Let this process have no more than it has now and `MEGABYTES`."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEGABYTES * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _graph_of(file: str) -> bytes:
    value = {"file": file} if file.endswith(".csv") else {"file": file, "tensor": "t"}
    x = {"name": "x", "op": "Input", "value": value}
    cost = {"name": "cost", "op": "Sum", "inputs": ["x"]}
    return json.dumps({"miniflow": 1, "nodes": [x, cost]}).encode()


def _numbers(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _check_error(text: str) -> None:
    assert text, "an error without words"
    assert len(text) < 3000, "an error that is too long"
    assert is_printable(text), f"an error with control characters: {text!r}"


def _check_text(text: str) -> None:
    assert is_printable(text.replace("\n", "")), f"control characters in {text!r}"


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise AssertionError(f"still not done after {5 * SECONDS} s")
