"""Bytes that no keyboard sends, into the app in a real pseudo-terminal.

Random bytes, and what terminals send: keys in every protocol, the mouse, answers, pastes, strings;
whole, changed in a byte or two, with absurd numbers, cut off, and split between two writes.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests.support.pty_app import PtyApp

# Sent to one process; then another begins.
BYTES_A_PROCESS = 30_000
# `#` stands for a number.
FORMS = (
    b"\x1b[#u",
    b"\x1b[#;#u",
    b"\x1b[#:#:#;#:#;#:#u",
    b"\x1b[#;;#u",
    b"\x1b[#~",
    b"\x1b[#;#~",
    b"\x1b[1;#A",
    b"\x1bO#P",
    b"\x1b[<#;#;#M",
    b"\x1b[<#;#;#m",
    b"\x1b[#;#;#M",
    b"\x1b[M !!",
    b"\x1b[48;#;#;#;#t",
    b"\x1b[8;#;#t",
    b"\x1b[#;#R",
    b"\x1b[?#;#$y",
    b"\x1b[?#;#c",
    b"\x1b[I",
    b"\x1b[O",
    b"\x1b]11;rgb:#/#/#\x1b\\",
    b"\x1b]52;c;#\x07",
    b"\x1bP>|#\x1b\\",
    b"\x1b_G#;OK\x1b\\",
    b"\x1b[200~#\x1b[201~",
    b"\x1b[200~",
    b"\x1b[201~",
    b"\x1b[[A",
    b"\x1b[#$",
    b"\x1b\x1b[A",
    "é∂日\U0001f9e0".encode(),
    b"\xe9",
    b"\xff\xfe",
    b"\xf0\x9f\xa7",
    b"\xed\xa0\x80",
)
NUMBERS = (0, 1, 2, 3, 7, 13, 27, 64, 97, 115, 255, 997, 2026, 2048, 9999, 55_296, 57_358, 65_535)
NUMBERS += (99_999, 1_114_111, 1_114_112, 2**31, 2**63, 10**12, 10**40)
# `q`, Ctrl+Q, and Ctrl+Z, which would end or stop it, as they should; also as codes of a key.
_LEAVES = bytes.maketrans(b"q\x11\x1a", b"wwx")
_LEAVES_BY_CODE = re.compile(rb"(113|122|17|26)(?=[:;u])")
# What begins a line of the prompt: random ones could say `quit`.
_PROMPT = bytes.maketrans(b":", b";")


def piece(random: Random) -> bytes:
    """Return a few bytes that a terminal might send, or not."""
    if random.random() < 0.3:
        sent = random.randbytes(random.randrange(1, 12))
    else:
        form = random.choice(FORMS)
        sent = re.sub(b"#", lambda _: str(random.choice(NUMBERS)).encode(), form)
    if random.random() < 0.3:
        at = random.randrange(len(sent))
        sent = sent[:at] + random.randbytes(random.randrange(3)) + sent[at + 1 :]
    if random.random() < 0.1:
        sent = sent[: random.randrange(len(sent) + 1)]
    harmless = sent.translate(_LEAVES)
    return _LEAVES_BY_CODE.sub(
        b"115", harmless if b"\x1b[" in sent else harmless.translate(_PROMPT)
    )


def soak(count: int, seed: int = 0) -> list[str]:
    """Send so many bytes; return what to tell. Raises `AssertionError` with what was sent."""
    random = Random(f"{seed}")
    sent = pieces = processes = 0
    begun = time.monotonic()
    while sent < count:
        processes += 1
        last: list[bytes] = []
        with tempfile.TemporaryDirectory() as state:
            command = [sys.executable, "-m", "mfdebug", "xor"]
            with PtyApp(command, env={"XDG_STATE_HOME": state}, cwd=Path(state)) as app:
                app.wait_for("press s to begin")
                try:
                    stop = min(count, sent + BYTES_A_PROCESS)
                    while sent < stop:
                        last.append(piece(random))
                        pieces += 1
                        sent += len(last[-1])
                        app.send(last[-1])
                        # Now and then long enough for half a sequence to be given up, and until
                        # nothing waits any more.
                        rests = random.random() < 0.02
                        app.settle(first=0.15 if rests else 0.001, idle=0.1 if rests else 0.001)
                        assert app.process.poll() is None, "it has ended"
                    _answers_and_leaves(app)
                except AssertionError as error:
                    raise AssertionError(f"--seed {seed}, after {last[-40:]}:\n{error}") from error
    return [
        f"{sent:,} bytes in {pieces:,} pieces to {processes} processes in "
        f"{time.monotonic() - begun:.0f} s"
    ]


def _answers_and_leaves(app: PtyApp) -> None:
    end = time.monotonic() + 120
    while "moment 3 " not in app.text.partition("\n")[0]:
        # Keys may wait that were sent before, or a dialog that was opened.
        assert time.monotonic() < end, f"it does not return to its first screen:\n{app.text}"
        app.send(b"\x1b")
        app.settle(first=0.3, idle=0.15)
        if "s step S back" in app.text.rpartition("\n")[2]:
            app.send(b":goto 3\r")
            app.settle(first=0.5)
    app.send(b"s")
    app.wait_for("moment 4")
    app.send(b"q")
    assert app.wait() == 0
    assert app.not_restored() == []
    assert b"Traceback" not in app.output
