"""A run file has one writer: another process is refused, as long as that one lives."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mfdebug.recording.reader import RunReader
from miniflow.errors import FileError
from tests.recording.runs import Recording

ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="run files are locked on Linux only")

# Writes ten passes, and as many again for each line that it reads; closes the file at the end.
WRITER = """
import sys
from pathlib import Path
from miniflow.errors import FileError
from tests.recording.runs import Recording

try:
    recording = Recording(Path(sys.argv[1]))
except FileError as error:
    print("refused:", error, flush=True)
    sys.exit()
while True:
    recording.squares(10)
    recording.writer.flush()
    print("written", flush=True)
    if not sys.stdin.readline():
        break
recording.close()
"""


@contextmanager
def other_writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start another process that writes a run file, and wait for its first line."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def write_more(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert said(process) == "written\n"


@linux
def test_a_second_process_that_writes_the_same_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mfrun"
    with other_writer(path) as process:
        assert said(process) == "written\n"
        for _ in range(2):
            with pytest.raises(FileError, match="another mfdebug is writing it") as refusal:
                Recording(path)
            assert str(path) in str(refusal.value)
        # The first one still writes, and its file can be read.
        write_more(process)
        reader = RunReader(path, live=True)
        assert len(reader) == 20
        write_more(process)
        assert len(reader) == 30
        assert [file.name for file in sorted(tmp_path.iterdir())] == [
            path.name,
            f"{path.name}-shm",
            f"{path.name}-wal",
        ]
        reader.close()


@pytest.mark.slow
@linux
@pytest.mark.parametrize("killed", [False, True])
def test_the_file_of_a_writer_that_has_ended_is_replaced(tmp_path: Path, killed: bool) -> None:
    path = tmp_path / "a.mfrun"
    with other_writer(path) as process:
        assert said(process) == "written\n"
        if killed:
            process.send_signal(signal.SIGKILL)
        else:
            assert process.stdin is not None
            process.stdin.close()
        process.wait()
        with Recording(path) as again:
            again.squares(2)
    reader = RunReader(path)
    assert len(reader) == 2
    reader.close()


@pytest.mark.slow
@linux
@pytest.mark.parametrize("exists", [False, True])
def test_of_two_processes_that_start_at_once_one_is_refused(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "a.mfrun"
    if exists:
        Recording(path).close()
    with other_writer(path) as first, other_writer(path) as second:
        lines = sorted([said(first), said(second)])
        assert "another mfdebug is writing it" in lines[0]
        assert lines[1] == "written\n"


@pytest.mark.slow
@linux
def test_the_lock_outlives_readers_and_the_connections_keep_theirs(tmp_path: Path) -> None:
    path = tmp_path / "a.mfrun"
    recording = Recording(path)
    recording.squares(10)
    recording.writer.flush()
    for _ in range(2):
        reader = RunReader(path, live=True)
        assert len(reader) == 10
        reader.close()
        with other_writer(path) as process:
            assert "another mfdebug is writing it" in said(process)
    # SQLite's lock on some bytes, and the writer's on the whole file.
    inode = f":{path.stat().st_ino} "
    locks = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
    kinds = {line.split()[1] for line in locks if inode in line}
    assert kinds >= {"POSIX", "FLOCK"}
    recording.close()
    with other_writer(path) as process:
        assert said(process) == "written\n"
