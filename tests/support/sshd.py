"""A real sshd on a loopback port, for one person with one key."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.support.paths import ROOT

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
# It separates its privileges into this folder, which Debian's service makes.
PRIVILEGES = Path("/run/sshd")


def missing() -> str:
    """Say why no sshd can be started here, or nothing."""
    if SSHD is None:
        return "needs sshd: apt-get install openssh-server"
    if shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        return "needs ssh: apt-get install openssh-client"
    if os.geteuid() == 0 and not PRIVILEGES.is_dir():
        with contextlib.suppress(OSError):
            PRIVILEGES.mkdir()
        if not PRIVILEGES.is_dir():
            return f"{PRIVILEGES} cannot be made"
    return ""


class Sshd:
    """A server that listens until it is closed; `environment` is that of whoever logs in."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        for name in ("host", "person"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)],
                check=True,
                timeout=30,
            )
        shutil.copy(folder / "person.pub", folder / "authorized")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        words = " ".join(f'"{name}={value}"' for name, value in environment.items())
        (folder / "config").write_text(
            f"""\
ListenAddress 127.0.0.1
Port {self.port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
UseDNS no
SetEnv {words}
"""
        )
        assert SSHD is not None
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(folder / "config")], stderr=log, stdin=log
            )
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.05)
        raise AssertionError(f"sshd does not listen:\n{(self.folder / 'log').read_text()}")

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that logs in with the key and runs mfdebug in a terminal."""
        remote = f"cd {ROOT} && exec {sys.executable} -m mfdebug {' '.join(arguments)}"
        options = {
            "IdentityFile": self.folder / "person",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.folder / "known",
            "StrictHostKeyChecking": "accept-new",
            "LogLevel": "ERROR",
            "EscapeChar": "none",
        }
        given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        person = f"{getpass.getuser()}@127.0.0.1"
        return ["ssh", "-F", "none", "-tt", *given, "-p", str(self.port), person, remote]

    def sessions(self) -> list[int]:
        """Return the processes of those who are logged in."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(number) for number in found.stdout.split()]

    def close(self) -> None:
        """Let no one log in any more, and end those who are."""
        for number in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, 9)
        self.process.terminate()
        self.process.wait(10)
