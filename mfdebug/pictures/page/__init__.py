"""A page in one file: HTML, its style, its script and its data, without any network."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import Any

# What ends a script, or a line of one, is written as an escape of JSON.
_IN_SCRIPT = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def page(data: dict[str, Any]) -> str:
    """Return the page of the data of a graph's moments.

    `data` is that of `page_data`: the names, numbers and words in it may be any text; `pieces`
    are elements of SVG in which text is escaped.
    """
    parts = files(__name__)
    form = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    text = (parts / "page.html").read_text(encoding="utf-8")
    for name, content in (
        ("title", escape(data["name"])),
        ("style", (parts / "page.css").read_text(encoding="utf-8")),
        ("script", (parts / "page.js").read_text(encoding="utf-8")),
        # Last: nothing in it is a place to fill.
        ("data", form.translate(_IN_SCRIPT)),
    ):
        text = text.replace(f"<!--{name}-->", content, 1)
    return text
