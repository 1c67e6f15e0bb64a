"""Start `mfdebug` from a process that has imported it: importing is most of the time of a start.

With `--long`, on other systems than Linux, and for every other command, a process is started as
usual. Tests of the start itself, as of signals during it, use `subprocess`.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import sizes
from tests.support.paths import ROOT
from tests.support.warm_server import LARGEST, REPORT

# Python and the packages read these before the first line of mfdebug, or while they are imported.
AT_IMPORT = ("PYTHON", "LANG", "LC_", "OPENBLAS_", "TEXTUAL_", "ESCDELAY", "_ARC")
# They say what a terminal can show, which Textual is prepared for.
OF_A_TERMINAL = ("TERM", "COLOR", "NO_COLOR")
# So do these change what Textual is prepared for.
CHANGING = ("--theme", "--ascii", "--no-ascii", "--export")
# So many processes with the same of those are started as usual before a server is worth it.
COLD = 2

# Ignored in what a shell starts in the background, or under nohup.
_OF_THE_SHELL = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
# Options that a process which is forked cannot follow.
ODD = {"preexec_fn", "pass_fds", "start_new_session"}

Key = tuple[tuple[str, str], ...]


class _Server:
    def __init__(self, environment: dict[str, str]) -> None:
        self.requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.requests.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * LARGEST)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.support.warm_server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**environment, "PYTHONPATH": str(ROOT)},
            preexec_fn=default_signals,
        )
        theirs.close()

    def close(self) -> None:
        self.requests.close()
        self.process.wait()


_servers: dict[Key, _Server] = {}
_started: Counter[Key] = Counter()


def servers() -> list[int]:
    """Return the process ids of the servers, whose processes are their children."""
    return [server.process.pid for server in _servers.values()]


@atexit.register
def _close_servers() -> None:
    for server in _servers.values():
        server.close()


def default_signals() -> None:
    """Forget that whoever runs the tests in the background, or under nohup, ignores signals."""
    for ignored in _OF_THE_SHELL:
        signal.signal(ignored, signal.SIG_DFL)


def _take_terminal() -> None:
    default_signals()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _can_be_forked(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether it is an `mfdebug` of this folder, with the settings that mfdebug has by itself."""
    python, *options = command[: command.index("mfdebug") + 1] if "mfdebug" in command else command
    settings = Path(environment.get("XDG_CONFIG_HOME", ""), "mfdebug", "config.toml")
    return (
        python == sys.executable
        and options in (["-m", "mfdebug"], ["-P", "-m", "mfdebug"])
        and not any(word.startswith(CHANGING) for word in command)
        and environment.get("PYTHONPATH") == str(ROOT)
        and "XDG_CONFIG_HOME" in environment
        and not settings.exists()
        and "PYTHONUNBUFFERED" not in environment
        and not any(name.startswith("MFDEBUG_") for name in environment)
    )


def _read(variables: Iterable[tuple[str, str]], names: tuple[str, ...]) -> Key:
    return tuple(sorted(item for item in variables if item[0].startswith(names)))


def _server_for(environment: dict[str, str], terminal: bool) -> _Server | None:
    """Return the server for processes with this environment, or None without one."""
    if sizes.long or sys.platform != "linux":
        return None
    # Without a screen Textual is not used.
    terminal = terminal and environment.get("TERM") != "dumb"
    key = _read(environment.items(), AT_IMPORT + OF_A_TERMINAL if terminal else AT_IMPORT)
    for other, server in _servers.items():
        if not terminal and _read(other, AT_IMPORT) == key:
            return server
    _started[key] += 1
    if key not in _servers and _started[key] > COLD:
        _servers[key] = _Server(environment)
    return _servers.get(key)


class Popen(subprocess.Popen[Any]):
    """A process that is started warm if it is an `mfdebug`.

    `terminal`: it is in a session of its own, and its standard input is the terminal of that.
    Without an `env` it has the one of this process, and finds this folder's packages.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        terminal: bool = False,
        warm: bool = True,
        env: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        env = {**os.environ, "PYTHONPATH": str(ROOT)} if env is None else env
        self._terminal = terminal
        warm = warm and _can_be_forked(command, env) and not options.keys() & ODD
        self._server = _server_for(env, terminal) if warm else None
        if terminal:
            options.update(start_new_session=True, preexec_fn=_take_terminal)
        elif any(signal.getsignal(number) is signal.SIG_IGN for number in _OF_THE_SHELL):
            # As in those that a server starts.
            options.setdefault("preexec_fn", default_signals)
        super().__init__(command, env=env, **options)

    # What `subprocess` calls to start and to wait, the same from Python 3.11 on.

    def _execute_child(self, args: Any, *rest: Any) -> None:
        if self._server is None:
            super()._execute_child(args, *rest)  # type: ignore[misc]
            return
        cwd, env = rest[4:6]
        pipes = rest[9:15]
        given = enumerate((pipes[0], pipes[3], pipes[5]))
        streams = [pipe if pipe >= 0 else inherited for inherited, pipe in given]
        self._report, theirs = socket.socketpair()
        folder = os.path.abspath(cwd or os.curdir)
        request = {"command": args, "cwd": folder, "env": env, "terminal": self._terminal}
        data = json.dumps(request).encode()
        socket.send_fds(self._server.requests, [data], [*streams, theirs.fileno()])
        theirs.close()
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]
        started, number = REPORT.unpack(self._report.recv(REPORT.size))
        assert started, f"ended with status {number} before it was an mfdebug"
        self.pid = number
        self._child_created = True

    def _internal_poll(self, *rest: Any, **named: Any) -> int | None:
        if self._server is None:
            return super()._internal_poll(*rest, **named)  # type: ignore[misc, no-any-return]
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._wait(0)
        return self.returncode

    def _wait(self, timeout: float | None) -> int:
        if self._server is None:
            return super()._wait(timeout)  # type: ignore[misc, no-any-return]
        if self.returncode is None:
            if not select.select([self._report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            _, self.returncode = REPORT.unpack(self._report.recv(REPORT.size))
            self._report.close()
        return self.returncode


def run(
    command: Sequence[str],
    given: Any = None,
    *,
    timeout: float = 150,
    check: bool = False,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """Run a command with this input, as `subprocess.run` does; what it writes is captured."""
    if given is not None:
        options["stdin"] = subprocess.PIPE
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    with Popen(command, **options) as process:
        try:
            out, errors = process.communicate(given, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, out, errors)
    if check:
        done.check_returncode()
    return done
