"""The app's styles are parsed once in each process: that was a tenth of each start of the app.

Textual keeps what it has parsed too, but each app anew. With `--long` each app parses its own.
"""

from __future__ import annotations

from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from tests.support import sizes

_parse_rules = Stylesheet._parse_rules
_parsed: dict[Any, list[RuleSet]] = {}


def _parse_rules_once(sheet: Stylesheet, *arguments: Any, **options: Any) -> list[RuleSet]:
    key = arguments, tuple(options.items()), tuple(sheet._variables.items())
    if key not in _parsed:
        _parsed[key] = _parse_rules(sheet, *arguments, **options)
    return _parsed[key]


@pytest.fixture(autouse=True)
def _styles_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    if not sizes.long:
        monkeypatch.setattr(Stylesheet, "_parse_rules", _parse_rules_once)
