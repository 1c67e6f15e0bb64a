"""Answers as data, for programs."""

from __future__ import annotations

from typing import Any

from mfdebug.core.answers.answers import Answers


def answers_data(answers: Answers) -> dict[str, Any]:
    """Return the answers: over the axes (rows along y), to the rows of the data, and by class."""
    return {
        "title": answers.title,
        "kind": answers.kind,
        "answer": answers.answer,
        "target": answers.target or None,
        "axes": [
            {"name": name, "at": axis}
            for name, axis in zip(answers.names, answers.axes, strict=False)
        ],
        "values": answers.values,
        "targets": answers.targets,
        "answers": answers.given,
        "confusion": answers.counts,
        "right": answers.right if answers.counts is not None else None,
        "rows": len(answers.given),
        "notes": list(answers.notes),
    }
