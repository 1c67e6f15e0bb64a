"""Runs one method of a node again, in an isolated child process.

Finite differences need a program's rule at other numbers. The child is a fork of the program at the
end of a pass; each evaluation has a child of its own, so each starts in the same state. The child
has no side effects: its output is discarded, and files, processes and sockets are denied to it.
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

    # The dtype, the shape and the bytes of arrays, after a number that says which it is.
    Found = list[tuple[int, str, tuple[int, ...], bytes]]

# Seconds that an evaluation may take, and between two checks whether it has ended.
TIME_LIMIT = 2.0
POLL_INTERVAL = 0.0002

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


class Exit(BaseException):
    """Ends the child with a status, without an answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def answer(nodes: list[Any], path: str, exit_now: Callable[[int], object]) -> None:
    """Evaluate the question in the file `path`.ask, and write the result to `path`.answer.

    `exit_now` ends the child immediately, without cleanup.
    """

    def work() -> Found:
        with open(path + ".ask", "rb") as file:
            return _run(nodes, file.read())

    in_child(work, path, exit_now, TIME_LIMIT)


def in_child(
    work: Callable[[], Found], path: str, exit_now: Callable[[int], object], seconds: float
) -> int:
    """Write what `work` returns in a child to `path`.answer; return the child's exit status.

    After so many seconds the child is killed.
    """
    random: Any = sys.modules.get("random")
    state = random.getstate() if random is not None else None
    pthread_sigmask(SIG_BLOCK, [SIGCHLD])
    try:
        # The module is named: `sys.modules` has only what the program has imported.
        with warnings.catch_warnings(module=warnings):
            # Python warns again that there are threads, which is for the program to hear.
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            status = 0
            try:
                if state is not None:
                    # Forking reseeds it.
                    random.setstate(state)
                _evaluate(work, path)
            except Exit as wanted:
                status = wanted.status
            finally:
                exit_now(status)
        deadline = time.monotonic() + seconds
        ended = 0, 0
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
            if time.monotonic() > deadline:
                os.kill(child, SIGKILL)
                ended = os.waitpid(child, 0)
                break
            time.sleep(POLL_INTERVAL)
        # The program did not start the child, and must not get a signal for its end.
        sigtimedwait([SIGCHLD], 0)
        return os.waitstatus_to_exitcode(ended[1])
    finally:
        pthread_sigmask(SIG_UNBLOCK, [SIGCHLD])


def _evaluate(work: Callable[[], Found], path: str) -> None:
    out = os.open(path + ".answer", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    _isolate(out)
    try:
        found = work()
    except Exit:
        raise
    except BaseException as error:
        message = f"{type(error).__name__}: {error}"
        found = [(-1, "text", (len(message.encode()),), message.encode("utf-8", "replace"))]
    rest = packed(found)
    while rest:
        rest = rest[os.write(out, rest) :]


def packed(found: Found) -> bytes:
    """Return numbers as the bytes of an answer."""
    head = as_json([entry[:3] for entry in found]).encode()
    return b"".join([Struct("=I").pack(len(head)), head, *(entry[3] for entry in found)])


def _run(nodes: list[Any], data: bytes) -> Found:
    question = unpacked(data, sys.modules.get("numpy"))
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
    for input_index, source in enumerate(inbound):
        if source in gradients and (found := encoded(gradients[source])) is not None:
            sent.append((input_index, *found))
    return sent


def _seed(node: Any, nodes: list[Any], shares: Mapping[int, Any]) -> None:
    """Set what the consumers have sent to `shares`; if empty, use one that sends ones."""
    names = next((name for name in OUTBOUND if neighbours(node, (name,)) is not None), None)
    if not shares:
        numpy: Any = sys.modules.get("numpy")
        ones = 1.0 if numpy is None else numpy.ones(numpy.shape(getattr(node, VALUE)))[()]
        if names is not None:
            setattr(node, names, [_UnitConsumer({node: ones})])
        return
    for consumer in neighbours(node, OUTBOUND) or ():
        number = next((i for i, other in enumerate(nodes) if other is consumer), -1)
        if number in shares:
            getattr(consumer, GRADIENTS)[node] = shares[number]
        elif node in getattr(consumer, GRADIENTS, {}):
            getattr(consumer, GRADIENTS)[node] = next(iter(shares.values())) * 0


class _UnitConsumer:
    """Stands in for a consumer of the cost."""

    def __init__(self, gradients: dict[Any, Any]) -> None:
        self.gradients = gradients


def _isolate(keep: int) -> None:
    """Discard all output except to `keep`, and deny everything with a lasting effect."""
    devnull = os.open(os.devnull, os.O_RDWR)
    folder = "/proc/self/fd" if os.path.exists("/proc/self/fd") else "/dev/fd"
    for descriptor in map(int, os.listdir(folder)):
        if descriptor not in (keep, devnull):
            try:
                os.dup2(devnull, descriptor)
            except OSError:
                continue

    def deny(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            mode, flags = arguments[1], arguments[2]
            writes = isinstance(mode, str) and bool(set(mode) & set("wax+"))
            if writes or (isinstance(flags, int) and flags & _WRITING):
                raise PermissionError("files cannot be written while a node is checked")
        elif event.startswith(_DENIED) and event not in _ALLOWED:
            raise PermissionError(f"{event} is not allowed while a node is checked")

    sys.addaudithook(deny)
