"""A Python that has imported mfdebug, and becomes an `mfdebug` process at each request.

    python -m tests.support.warm_server FD

FD is its end of a socket. A request has the command line, directory and environment of a process,
and four descriptors: its three streams, and a socket that gets its process id and, when it has
ended, its status. What is forked goes through `mfdebug/__main__.py` as `python -m mfdebug` does,
and ends as that does; only the imports are there already.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import struct
import sys
import termios
from typing import Any

# Whether the process has started, or ended; its id, or its status.
REPORT = struct.Struct("?i")
LARGEST = 1 << 18


def _import_all() -> None:
    """Import what a debugger may need: all of mfdebug but what runs in the program."""
    import mfdebug
    import miniflow
    from mfdebug.config.terminal import abilities

    abilities().prepare()
    for package in (miniflow, mfdebug):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "__main__" not in module.name and ".debuggee.bootstrap" not in module.name:
                importlib.import_module(module.name)


def _serve(requests: socket.socket) -> dict[str, Any] | None:
    """Fork at each request; return in the child with its request, here with None at the end."""
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        ready, _, _ = select.select([requests, *running], [], [])
        for ended in (source for source in ready if source is not requests):
            pid, report = running.pop(ended)
            _tell(report, False, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            report.close()
            os.close(ended)
        if requests not in ready:
            continue
        data, descriptors, _, _ = socket.recv_fds(requests, LARGEST, 4)
        if not data:
            return None
        *streams, last = descriptors
        report = socket.socket(fileno=last)
        pid = os.fork()
        if pid:
            for stream in streams:
                os.close(stream)
            running[os.pidfd_open(pid)] = pid, report
            continue
        request: dict[str, Any] = json.loads(data)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        if request["terminal"]:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        _tell(report, True, os.getpid())
        for descriptor in (*streams, *running):
            os.close(descriptor)
        for held in (report, requests, *(held for _, held in running.values())):
            held.close()
        return request


def _tell(report: socket.socket, started: bool, number: int) -> None:
    # Whoever has asked may be gone.
    with contextlib.suppress(OSError):
        report.send(REPORT.pack(started, number))


def _become(request: dict[str, Any]) -> None:
    """Be as a Python that has just been started with this command line."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        before = getattr(sys, name)
        stream = open(  # noqa: SIM115
            number,
            mode="r" if number == 0 else "w",
            encoding=before.encoding,
            errors=before.errors,
            buffering=1 if number == 2 else -1,
            closefd=False,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.orig_argv[:] = request["command"]
    options = request["command"].index("-m")
    # `-m` puts the directory in front, `-P` keeps it out.
    if "-P" not in request["command"][:options]:
        sys.path.insert(0, os.getcwd())
    sys.argv[1:] = request["command"][options + 2 :]


def main() -> None:
    """Serve; in each process that is forked, run mfdebug."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    # A key at the terminal of whoever runs the tests is for those.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _import_all()
    gc.collect()
    gc.freeze()
    request = _serve(requests)
    if request is not None:
        _become(request)
        runpy.run_module("mfdebug", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
