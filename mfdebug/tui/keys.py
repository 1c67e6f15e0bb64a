"""Textual bindings, made from the table of key bindings, and the hints of the bottom line."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from textual.binding import Binding, BindingsMap, BindingType
from textual.message_pump import MessagePump

from mfdebug.config.bindings import SHIPPED_KEYS, Keys, at
from mfdebug.core.format.hints import HINTS
from mfdebug.core.timeline.debugger import Debugger

# By id, from left to right, as many as fit; the last one is always shown.
KEY_HINTS = [
    ("step", "step"),
    ("back", "back"),
    ("next", "phase"),
    ("sgd", "SGD step"),
    ("continue", "continue"),
    ("break", "stop"),
    ("why", "why"),
    ("circuit", "circuit"),
    ("set", "edit"),
    ("order-up order-down", "node"),
    ("order-open", "open"),
    ("prompt", "command"),
    ("until", "until"),
    ("explain", "explain"),
    ("check", "check"),
    ("watch", "watch"),
    ("find", "find"),
    ("goto", "goto"),
    ("play", "play"),
    ("panel", "panel"),
    ("zoom", "zoom"),
    ("landscape", "landscape"),
    ("answers", "answers"),
    ("node-down", "scroll the node"),
    ("help", "help"),
]

# Those of the other panels while they have the focus, by its id; a string of ids is one hint.
NODE_HINTS = [
    ("entry-left entry-right entry-up entry-down", "entry"),
    ("ask", "value/gradient"),
    ("node-down node-up", "scroll"),
    ("zoom", "zoom"),
    ("why", "why"),
    ("panel", "next panel"),
    ("step", "step"),
    ("back", "back"),
    ("compare", "previous pass"),
    ("view", "heatmap"),
    ("explain", "explain"),
    ("last", "last change"),
    ("help", "help"),
]
COST_HINTS = [
    ("cost-left cost-right", "SGD step"),
    ("cost-first cost-last", "first, last"),
    ("log", "log scale"),
    ("zoom", "zoom"),
    ("panel", "next panel"),
    ("step", "step"),
    ("back", "back"),
    ("help", "help"),
]
PLOT_HINTS = [
    ("cost-left cost-right", "SGD step"),
    ("cost-first cost-last", "first, last"),
    ("landscape", "landscape"),
    ("answers", "answers"),
    ("zoom", "zoom"),
    ("panel", "next panel"),
    ("step", "step"),
    ("back", "back"),
    ("help", "help"),
]
CIRCUIT_HINTS = [
    ("step", "step"),
    ("back", "back"),
    ("next", "phase"),
    ("circuit-left circuit-right circuit-up circuit-down", "box"),
    ("circuit-open", "open"),
    ("circuit-close", "fold"),
    ("follow", "follow"),
    ("why", "why"),
    ("circuit", "list"),
    ("zoom", "zoom"),
    ("panel", "panel"),
    ("node-down node-up", "scroll the node"),
    ("sgd", "SGD step"),
    ("continue", "continue"),
    ("prompt", "command"),
    ("help", "help"),
]
QUIZ_HINTS = [
    ("quiz-hint", "hint"),
    ("quiz-enter", "answer, or skip"),
    ("quiz-leave", "close"),
    ("quit", "quit"),
    ("help", "help"),
]
# Lines up to this width do not come to the answers.
LONG = 195
# What a phase has instead of the key that sets a stop.
OF_PHASE = {"backward": ("check", "check"), "update": ("last", "last set")}
PANEL_HINTS = {
    "quiz": QUIZ_HINTS,
    "node": NODE_HINTS,
    "cost": COST_HINTS,
    "plot": PLOT_HINTS,
    "circuit": CIRCUIT_HINTS,
}


def bindings_at(group: str) -> list[BindingType]:
    """Return the bindings of a screen or widget; Textual's keymap replaces the default keys."""
    return [
        Binding(
            ",".join(bound.keys),
            bound.action,
            bound.words,
            id=bound.id,
            tooltip=bound.words,
            show=False,
        )
        for bound in at(group)
    ]


def bindings_over(bindings: BindingsMap, group: str, keys: Keys) -> BindingsMap:
    """Return the bindings of the main screen, with those of another group taking precedence.

    Textual's keymap cannot do that: a changed key would replace another binding of the same key.
    """
    merged = BindingsMap()
    for bound in (*at(group), *at("screen")):
        for key in keys.of(bound.id):
            if key not in merged.key_to_bindings:
                merged.bind(key, bound.action, bound.words, show=False)
    for key, binding in bindings:
        # Textual's own bindings have no id.
        if binding.id is None:
            merged.key_to_bindings.setdefault(key, [binding])
    return merged


def keys_of(host: MessagePump) -> Keys:
    """Return the keys in force in the app of a screen or widget."""
    keys = getattr(host.app, "keys", None)
    return keys if isinstance(keys, Keys) else SHIPPED_KEYS


def with_keys(text: str, keys: Keys) -> str:
    """Return a text whose hints name the keys in force instead of the commands."""
    for hint in HINTS:
        if hint in text:
            keyed = re.sub("`([a-z-]+)`", lambda match: keys.name(match[1]), hint)
            text = text.replace(hint, keyed)
    return text


def absent_actions(debugger: Debugger) -> list[str]:
    """Return the ids of actions that a graph does not have."""
    absent = [] if debugger.cursor.has_steps else ["sgd"]
    return absent if debugger.graph.trains else [*absent, "landscape"]


class KeyHint(NamedTuple):
    """A key of the bottom line: its binding's id, its name and a word for what it does."""

    id: str
    key: str
    words: str


def key_hints(
    keys: Keys, *, absent: Collection[str] = (), focused: str | None = None, phase: str = ""
) -> list[KeyHint]:
    """Return the hints of the bottom line; actions without a key are omitted.

    `absent` are the ids of actions that the graph does not have, `focused` is the id of the panel
    with the focus. In some phases another key is the more useful one: see `OF_PHASE`.
    """
    hints = PANEL_HINTS.get(focused or "", KEY_HINTS)
    if hints is KEY_HINTS and phase in OF_PHASE:
        useful = OF_PHASE[phase]
        others = [hint for hint in KEY_HINTS if hint != useful]
        hints = [useful if hint[0] == "break" else hint for hint in others]
    return [
        KeyHint(ids.split()[0], " ".join(keys.name(id) for id in ids.split()), words)  # noqa: A001
        for ids, words in hints
        if all(map(keys.of, ids.split())) and ids not in absent
    ]
