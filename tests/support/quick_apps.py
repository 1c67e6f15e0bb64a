"""What apps that tests drive in their own process need not do: a third of the time of `tests/tui`.

Each app parses the same style sheets, and draws frames for a terminal that is not there, while a
test looks at the screen when it has pressed its keys. With `--long` all of it is done; frames on
real terminals, in golden screens and in pictures always are.
"""

from __future__ import annotations

from typing import Any

import pytest
from textual._compositor import Compositor, visible_screen_stack
from textual.app import active_app
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_parse_rules = Stylesheet._parse_rules
_parsed: dict[Any, list[RuleSet]] = {}
render_update = Compositor.render_update


def _parse_rules_once(sheet: Stylesheet, *arguments: Any, **options: Any) -> list[RuleSet]:
    """Parse what no app of this process has parsed; Textual keeps it for each app anew."""
    key = arguments, tuple(options.items()), tuple(sheet._variables.items())
    if key not in _parsed:
        _parsed[key] = _parse_rules(sheet, *arguments, **options)
    return _parsed[key]


def _render_what_is_seen(
    compositor: Compositor, full: bool = False, screen_stack: Any = None, simplify: bool = False
) -> Any:
    """Render no frame of a driver without a terminal, unless a whole one is asked for."""
    if full or not active_app.get().is_headless:
        return render_update(compositor, full, screen_stack, simplify)
    visible_screen_stack.set(screen_stack or [])
    compositor._dirty_regions.clear()
    return None


def use(patch: pytest.MonkeyPatch) -> None:
    """Let the apps of this process leave it out."""
    patch.setattr(Stylesheet, "_parse_rules", _parse_rules_once)
    patch.setattr(Compositor, "render_update", _render_what_is_seen)
