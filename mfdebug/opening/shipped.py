"""The shipped graphs and demos: found by bare name, listed with their descriptions.

Listing reads the files as plain JSON: it must not wait for numpy to load.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple


class Shipped(NamedTuple):
    """A shipped graph: its bare name, its file, its description."""

    name: str
    path: Path
    description: str


def folder() -> Path:
    """Return the folder of the shipped graphs: in the package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "graphs"
    return inside if inside.is_dir() else package.parent / "graphs"


def shipped() -> list[Shipped]:
    """Return the shipped graphs in teaching order."""
    found = [_read(path) for path in sorted(folder().glob("*.json"))]
    return sorted(found, key=lambda graph: (_LESSONS.get(graph.name, len(_LESSONS)), graph.name))


def find(name: str) -> Path | None:
    """Return the file of the shipped graph called `name`, or None."""
    if not name or set("/\\.") & set(name):
        return None
    path = folder() / f"{name}.json"
    return path if path.is_file() else None


def names() -> list[str]:
    """Return the bare names of the shipped graphs, without reading them."""
    return sorted(path.stem for path in folder().glob("*.json"))


class ShippedDemo(NamedTuple):
    """A shipped demo: its bare name, its file, its title, its first caption."""

    name: str
    path: Path
    title: str
    opening: str


def shipped_demos() -> list[ShippedDemo]:
    """Return the shipped demos in teaching order."""
    found = [_read_demo(path) for path in (folder() / "demos").glob("*.demo")]
    return sorted(found, key=lambda demo: (_DEMOS.get(demo.name, len(_DEMOS)), demo.name))


def _read_demo(path: Path) -> ShippedDemo:
    rows = path.read_text(encoding="utf-8").splitlines()

    def first(begun: str) -> str:
        return next((row.removeprefix(begun).strip() for row in rows if row.startswith(begun)), "")

    return ShippedDemo(path.stem, path, first("# title ") or path.stem, first("say "))


def _read(path: Path) -> Shipped:
    content = json.loads(path.read_text(encoding="utf-8"))
    return Shipped(path.stem, path, content.get("description", ""))


_LESSONS = {
    name: place
    for place, name in enumerate(
        [
            "wx",
            "circuit-a",
            "circuit-b",
            "sigmoid-neuron",
            "diamond",
            "square",
        ]
    )
}
_DEMOS = {
    name: place
    for place, name in enumerate(
        [
            "five-to-two",
            "chain-rule",
            "gates",
            "diamond",
            "xor-learns",
            "where-did-nan-come-from",
        ]
    )
}
