"""Keys in the app: bindings made from the table of what keys do, and those worth a place below."""

from __future__ import annotations

import re

from textual.binding import Binding, BindingsMap, BindingType
from textual.message_pump import MessagePump

from mfdebug.config.bindings import SHIPPED_KEYS, Keys, at
from mfdebug.core.format.hints import HINTS

# By id, from left to right as many as fit; the last one always.
KEY_HINTS = [
    ("step", "step"),
    ("back", "back"),
    ("next", "phase"),
    ("sgd", "SGD step"),
    ("continue", "continue"),
    ("break", "stop"),
    ("why", "why"),
    ("set", "edit"),
    ("prompt", "command"),
    ("until", "until"),
    ("explain", "explain"),
    ("check", "check"),
    ("watch", "watch"),
    ("goto", "goto"),
    ("play", "play"),
    ("panel", "panel"),
    ("help", "help"),
]


def bindings_at(place: str) -> list[BindingType]:
    """Return the bindings of a place with the keys that ship; Textual's keymap changes them."""
    return [
        Binding(",".join(one.keys), one.action, one.words, id=one.id, tooltip=one.words, show=False)
        for one in at(place)
    ]


def bindings_over(bindings: BindingsMap, place: str, keys: Keys) -> BindingsMap:
    """Return the bindings of the main screen with those of a place going before them.

    Textual's keymap cannot do that: there a changed key takes the place of another one's.
    """
    made = BindingsMap()
    for one in (*at(place), *at("screen")):
        for key in keys.of(one.id):
            if key not in made.key_to_bindings:
                made.bind(key, one.action, one.words, show=False)
    for key, binding in bindings:
        # Textual's own have no id.
        if binding.id is None:
            made.key_to_bindings.setdefault(key, [binding])
    return made


def keys_of(host: MessagePump) -> Keys:
    """Return the keys in force in the app that something is a part of."""
    keys = getattr(host.app, "keys", None)
    return keys if isinstance(keys, Keys) else SHIPPED_KEYS


def with_keys(text: str, keys: Keys) -> str:
    """Return an answer with the keys in force for the commands that its hints name."""
    for hint in HINTS:
        if hint in text:
            keyed = re.sub("`([a-z-]+)`", lambda found: keys.name(found[1]), hint)
            text = text.replace(hint, keyed)
    return text


def key_hints(keys: Keys, *, steps: bool = True) -> list[tuple[str, str]]:
    """Return the keys worth knowing, with a word for each; what has no key is left out.

    `steps`: whether there are SGD steps to go through.
    """
    return [
        (keys.name(id), words)
        for id, words in KEY_HINTS  # noqa: A001
        if keys.of(id) and (steps or id != "sgd")
    ]
