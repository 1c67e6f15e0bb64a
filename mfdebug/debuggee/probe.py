"""One method of a node run once more, in a child process that nobody will ever hear of.

Finite differences need a program's rule at other numbers. The child is a copy of the program as it
stands at the end of a pass: each evaluation has one of its own, so each begins in the same state.
Whatever it does ends with it: what it writes goes nowhere, and files, processes and sockets are
denied to it.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from _signal import SIG_BLOCK, SIG_UNBLOCK, SIGCHLD, SIGKILL, pthread_sigmask, sigtimedwait  # type: ignore[import-not-found,unused-ignore]
from _struct import Struct

from .questions import unpacked
from .reading import GRADIENTS, OUTBOUND, VALUE, encoded, inputs_of, neighbours
from .text import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

# Seconds that an evaluation may take.
LIMIT = 2.0
NAP = 0.0002

_DENIED = (
    "os.",
    "subprocess.",
    "socket.",
    "shutil.",
    "ctypes.dlopen",
    "signal.pthread_kill",
    "pty.",
    "syslog.",
)
_ALLOWED = ("os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.getxattr", "os.listxattr")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def answer(nodes: list[Any], path: str, leave: Callable[[int], object]) -> None:
    """Evaluate what the file `path`.ask asks for, and write the result to `path`.answer.

    `leave` ends the child at once.
    """
    random: Any = sys.modules.get("random")
    state = random.getstate() if random is not None else None
    pthread_sigmask(SIG_BLOCK, [SIGCHLD])
    try:
        with warnings.catch_warnings():
            # That there are threads is said once more, and the program's to hear.
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            try:
                if state is not None:
                    # Forking seeds it anew.
                    random.setstate(state)
                _evaluate(nodes, path)
            finally:
                leave(0)
        until = time.monotonic() + LIMIT
        while os.waitpid(child, os.WNOHANG)[0] == 0:
            if time.monotonic() > until:
                os.kill(child, SIGKILL)
                os.waitpid(child, 0)
                break
            time.sleep(NAP)
        # The program did not start it, and must not be told that it has ended.
        sigtimedwait([SIGCHLD], 0)
    finally:
        pthread_sigmask(SIG_UNBLOCK, [SIGCHLD])


def _evaluate(nodes: list[Any], path: str) -> None:
    with open(path + ".ask", "rb") as file:
        data = file.read()
    out = os.open(path + ".answer", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    _isolate(out)
    try:
        found = _run(nodes, data)
    except BaseException as error:
        words = f"{type(error).__name__}: {error}"
        found = [(-1, "text", (len(words.encode()),), words.encode("utf-8", "replace"))]
    head = as_json([entry[:3] for entry in found]).encode()
    rest = b"".join([Struct("=I").pack(len(head)), head, *(entry[3] for entry in found)])
    while rest:
        rest = rest[os.write(out, rest) :]


def _run(nodes: list[Any], data: bytes) -> list[tuple[int, str, tuple[int, ...], bytes]]:
    question = unpacked(data, sys.modules["numpy"])
    node = nodes[question.node]
    inbound = inputs_of(node)
    for input_index, value in question.inputs.items():
        setattr(inbound[input_index], VALUE, value)
    node.forward()
    if not question.backward:
        found = encoded(getattr(node, VALUE))
        return [] if found is None else [(-1, *found)]
    _seed(node, nodes, question.shares)
    node.backward()
    gradients = getattr(node, GRADIENTS)
    sent = []
    for input_index, one in enumerate(inbound):
        if one in gradients and (found := encoded(gradients[one])) is not None:
            sent.append((input_index, *found))
    return sent


def _seed(node: Any, nodes: list[Any], shares: Mapping[int, Any]) -> None:
    """Let the consumers have sent these shares; without any, one that sends ones."""
    names = next((name for name in OUTBOUND if neighbours(node, (name,)) is not None), None)
    if not shares:
        numpy: Any = sys.modules["numpy"]
        ones = numpy.ones(numpy.shape(getattr(node, VALUE)))[()]
        if names is not None:
            setattr(node, names, [_Beginning({node: ones})])
        return
    for consumer in neighbours(node, OUTBOUND) or ():
        number = next((i for i, one in enumerate(nodes) if one is consumer), -1)
        if number in shares:
            getattr(consumer, GRADIENTS)[node] = shares[number]
        elif node in getattr(consumer, GRADIENTS, {}):
            getattr(consumer, GRADIENTS)[node] = next(iter(shares.values())) * 0


class _Beginning:
    """What stands for a consumer of the cost."""

    def __init__(self, gradients: dict[Any, Any]) -> None:
        self.gradients = gradients


def _isolate(keep: int) -> None:
    """Let nothing that is written reach anybody, and deny what would leave a trace."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    folder = "/proc/self/fd" if os.path.exists("/proc/self/fd") else "/dev/fd"
    for descriptor in map(int, os.listdir(folder)):
        if descriptor not in (keep, nowhere):
            try:
                os.dup2(nowhere, descriptor)
            except OSError:
                continue

    def deny(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            mode, flags = arguments[1], arguments[2]
            writes = isinstance(mode, str) and bool(set(mode) & set("wax+"))
            if writes or (isinstance(flags, int) and flags & _WRITING):
                raise PermissionError("a node that is checked writes no files")
        elif event.startswith(_DENIED) and event not in _ALLOWED:
            raise PermissionError(f"a node that is checked does no {event}")

    sys.addaudithook(deny)
