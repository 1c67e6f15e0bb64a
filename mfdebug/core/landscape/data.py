"""A landscape as data, for programs."""

from __future__ import annotations

from typing import Any

from mfdebug.core.landscape.landscape import Landscape, Mark


def landscape_data(landscape: Landscape) -> dict[str, Any]:
    """Return the axes, the costs at their numbers (rows along y), the path and the landings."""
    return {
        "title": landscape.title,
        "view": landscape.view.kind,
        "axes": [{"name": axis.name, "at": axis.at} for axis in landscape.axes],
        "costs": landscape.costs,
        "path": [_mark_data(mark) for mark in landscape.path],
        "present": _mark_data(landscape.present),
        "slope": landscape.slope,
        "landings": [
            {"lr": landing.rate, "at": list(landing.at), "cost": landing.cost}
            for landing in landscape.landings
        ],
        "notes": list(landscape.notes),
    }


def _mark_data(mark: Mark) -> dict[str, Any]:
    return {"step": mark.step, "at": list(mark.at), "cost": mark.cost}
