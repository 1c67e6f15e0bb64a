"""Batch mode: run command lines one after the other, with replies as text or as JSON."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from mfdebug.cli.exit_status import FAILED, INTERRUPTED, OK
from mfdebug.core.commands.quiz import asked
from mfdebug.core.explain.check_report import check_data, check_lines, passes
from mfdebug.core.format import results
from mfdebug.core.session.session import Session
from miniflow.errors import MiniflowError, printable


class Interrupt:
    """Handles Ctrl+C while commands run: a run stops at the end of an SGD step.

    Only while an input line is `awaited` it raises `KeyboardInterrupt`, which ends the wait.
    """

    def __init__(self) -> None:
        self.happened = False
        self.awaited = False

    def __enter__(self) -> Interrupt:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, _number: int, _frame: object) -> None:
        if self.awaited:
            raise KeyboardInterrupt
        self.happened = True

    def asked(self, _moment: int) -> bool:
        """Whether the run must stop; used as the session's `progress`."""
        return self.happened


class OutputLines:
    """Writes a program's output as JSON: one object per complete line."""

    def __init__(self) -> None:
        self._incomplete = ""

    def write(self, text: str) -> None:
        """Write the lines that `text` completes."""
        *lines, self._incomplete = (self._incomplete + text).split("\n")
        for line in lines:
            sys.stdout.write(json.dumps({"output": line}, ensure_ascii=False) + "\n")


def run_batch(
    session: Session,
    lines: Sequence[str],
    *,
    as_json: bool,
    check_all: bool = False,
    last: Callable[[Session], bool] | None = None,
) -> int:
    """Run all lines, then check all gradients if `check_all`; return the exit status.

    `last` is called after that, and returns whether it succeeded.
    """
    succeeded = True
    with Interrupt() as interrupt:
        session.progress = interrupt.asked
        for line in lines:
            succeeded = _run_line(session, line, as_json=as_json) and succeeded
            # A program may write to the same stream.
            sys.stdout.flush()
            if session.closed or interrupt.happened:
                break
        if check_all and not interrupt.happened:
            succeeded = _check(session, as_json=as_json) and succeeded
        if last is not None and not interrupt.happened:
            succeeded = last(session) and succeeded
    if interrupt.happened:
        return INTERRUPTED
    return OK if succeeded else FAILED


def _run_line(session: Session, line: str, *, as_json: bool) -> bool:
    answer: dict[str, Any]
    try:
        reply = session.run(line)
    except MiniflowError as error:
        if not as_json:
            sys.stderr.write(f"{printable(line)}: {error}\n")
            return False
        answer = {"ok": False, "error": str(error)}
    else:
        if not as_json:
            question = asked(session)
            for text in (reply.text, question if question != reply.text else ""):
                if text:
                    sys.stdout.write(f"{text}\n")
            return True
        answer = {"ok": True, "result": results.as_json(reply.data)}
        if question := asked(session):
            answer["question"] = question
    _write_json(session, line, answer)
    return bool(answer["ok"])


def _check(session: Session, *, as_json: bool) -> bool:
    """Check every gradient; return False if one is wrong or none is tested."""
    graph = session.debugger.graph
    try:
        verdicts = session.debugger.check()
    except MiniflowError as error:
        sys.stderr.write(f"--check: {error}\n")
        return False
    right = passes(verdicts)
    if as_json:
        data = results.as_json(check_data(graph, verdicts))
        _write_json(session, "--check", {"ok": right, "result": data})
    else:
        sys.stdout.write("\n".join(check_lines(graph, verdicts)) + "\n")
    return right


def _write_json(session: Session, line: str, answer: dict[str, Any]) -> None:
    where = session.debugger.where
    node = None if where.node is None else session.debugger.graph.nodes[where.node].label
    position = {
        "command": line,
        "moment": where.number,
        "sgd_step": where.sgd_step,
        "phase": where.phase,
        "node": node,
    }
    if len(session.debugger.lines) > 1:
        # A program may run several graphs; moments are counted in each.
        position["graph"] = session.debugger.graph.name
    sys.stdout.write(json.dumps({**position, **answer}, ensure_ascii=False, allow_nan=False) + "\n")
