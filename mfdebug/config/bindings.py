"""Key bindings: the id of each action, its default keys, and its current keys.

The app makes its bindings, its help and its key line from this table, and settings are checked
against it before there is an app. A key that settings change is changed in the app; at the prompt
and in scripts keys stay as they ship, so that a script means the same to everyone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mfdebug.config.key_names import FIXED, character_of, shown
from mfdebug.core.commands.table import COMMANDS, GROUPS
from miniflow.errors import MiniflowError

# The places where keys are bound, and their titles.
PLACES = {
    "screen": "on the main screen",
    "app": "everywhere but in dialogs",
    "order": "in the order",
    "entries": "in the node panel",
    "prompt": "at the prompt",
    "why": "in the walk through causes",
    "text": "in a text",
    "help": "in the help",
    "picker": "in the list of graphs",
    "feed": "where a value is asked for",
    "demo": "in a demo",
}
# Places whose keys are active at the same time.
_TOGETHER = (
    ("screen", "app", "order"),
    ("screen", "app", "entries"),
    ("picker", "app"),
    *((place,) for place in ("prompt", "why", "text", "help", "feed", "demo")),
)
# Places where text is typed: a key that types a character would never arrive.
_TYPED_AT = ("prompt", "help", "feed")
# Actions that need a key, to find help and to quit.
NEEDED = ("quit", "help", "prompt")
# A name that no key has: in Textual's keymap every binding needs a key.
NO_KEY = "no_key"


@dataclass(frozen=True)
class Bound:
    """An action with keys: `action` is the action of Textual, `words` its description.

    `command` and its `group` are those of the command that is run, if one is.
    """

    id: str
    keys: tuple[str, ...]
    action: str
    words: str
    place: str
    command: str = ""
    group: str = ""


def _of_commands() -> Iterator[Bound]:
    """Yield a `Bound` for each line that keys run, with all its keys."""
    for group, commands in GROUPS.items():
        for command in commands:
            by_line: dict[str, list[str]] = {}
            for key in command.keys:
                by_line.setdefault(key.line, []).append(key.key)
            for line, keys in by_line.items():
                first = next(key for key in command.keys if key.line == line)
                yield Bound(
                    first.id or command.name,
                    tuple(keys),
                    f"command({line!r}, {first.asks})",
                    first.words or command.summary,
                    "screen",
                    command.name,
                    group,
                )


_OF_THE_APP = (
    Bound("prompt", ("colon",), "prompt('')", "command prompt", "screen"),
    Bound("play", ("P",), "play", "start or stop playing", "screen"),
    Bound("faster", ("plus",), "speed(1)", "play faster", "screen"),
    Bound("slower", ("minus",), "speed(-1)", "play slower", "screen"),
    Bound("log", ("l",), "log", "cost on a log scale", "screen"),
    Bound("panel", ("tab",), "panel", "to the node's numbers and back", "screen"),
    Bound("calm", ("escape",), "calm", "stop, clear the count", "screen"),
    Bound("follow", ("f",), "follow", "back to the current node", "screen"),
    Bound("palette", ("ctrl+p",), "palette", "find a command", "screen"),
    Bound("suspend", ("ctrl+z",), "suspend_process", "to the shell; fg returns", "app"),
    Bound("redraw", ("ctrl+l",), "redraw", "redraw the screen", "app"),
    Bound("how-to-leave", ("ctrl+c",), "how_to_leave", "how to quit", "app"),
    Bound("leave", ("ctrl+q",), "quit", "quit, also from the prompt", "app"),
    Bound("theme", ("ctrl+t",), "toggle_theme", "dark or light", "app"),
    Bound("order-up", ("up",), "move(-1)", "node above", "order"),
    Bound("order-down", ("down",), "move(1)", "node below", "order"),
    Bound("order-page-up", ("pageup",), "page(-1)", "page up", "order"),
    Bound("order-page-down", ("pagedown",), "page(1)", "page down", "order"),
    Bound("order-first", ("home",), "edge(-1)", "first node", "order"),
    Bound("order-last", ("end",), "edge(1)", "last node", "order"),
    Bound("order-open", ("enter",), "open", "open or close", "order"),
    Bound("entry-up", ("up",), "entry(-1, 0)", "entry above", "entries"),
    Bound("entry-down", ("down",), "entry(1, 0)", "entry below", "entries"),
    Bound("entry-left", ("left",), "entry(0, -1)", "entry to the left", "entries"),
    Bound("entry-right", ("right",), "entry(0, 1)", "entry to the right", "entries"),
    Bound("entry-page-up", ("pageup",), "entry(-10, 0)", "ten rows up", "entries"),
    Bound("entry-page-down", ("pagedown",), "entry(10, 0)", "ten rows down", "entries"),
    Bound("prompt-leave", ("escape",), "leave", "close the prompt", "prompt"),
    Bound("prompt-complete", ("tab",), "complete", "complete", "prompt"),
    Bound("prompt-earlier", ("up",), "recall(-1)", "earlier line", "prompt"),
    Bound("prompt-later", ("down",), "recall(1)", "later line", "prompt"),
    Bound("why-up", ("up", "k"), "term(-1)", "term above", "why"),
    Bound("why-down", ("down", "j"), "term(1)", "term below", "why"),
    Bound("why-page-up", ("pageup",), "term(-10)", "ten terms up", "why"),
    Bound("why-page-down", ("pagedown",), "term(10)", "ten terms down", "why"),
    Bound("why-left", ("left", "h"), "factor(-1)", "factor before", "why"),
    Bound("why-right", ("right", "l", "tab"), "factor(1)", "factor after", "why"),
    Bound("why-follow", ("enter",), "follow", "go to the chosen number", "why"),
    Bound("why-return", ("backspace",), "return", "go back to the number before", "why"),
    Bound("why-made", ("g",), "made", "go to the number, at its moment", "why"),
    Bound("why-close", ("escape", "q", "y"), "leave", "close", "why"),
    Bound("why-prompt", ("colon",), "prompt", "a command", "why"),
    Bound(
        "text-close",
        ("escape", "enter", "q", "x", "question_mark", "space"),
        "dismiss(None)",
        "close",
        "text",
    ),
    Bound("text-prompt", ("colon",), "prompt", "a command", "text"),
    Bound("text-up", ("up", "k"), "scroll(-1)", "up", "text"),
    Bound("text-down", ("down", "j"), "scroll(1)", "down", "text"),
    Bound("text-page-up", ("pageup",), "scroll(-10)", "page up", "text"),
    Bound("text-page-down", ("pagedown",), "scroll(10)", "page down", "text"),
    Bound("help-close", ("escape",), "leave", "clear, close", "help"),
    Bound("help-up", ("up",), "scroll(-1)", "up", "help"),
    Bound("help-down", ("down",), "scroll(1)", "down", "help"),
    Bound("help-page-up", ("pageup",), "page(-1)", "page up", "help"),
    Bound("help-page-down", ("pagedown",), "page(1)", "page down", "help"),
    Bound("picker-leave", ("q",), "leave", "quit", "picker"),
    Bound("picker-down", ("j",), "move(1)", "down", "picker"),
    Bound("picker-up", ("k",), "move(-1)", "up", "picker"),
    Bound("feed-leave", ("escape",), "dismiss(None)", "quit", "feed"),
    Bound("demo-on", ("space",), "on", "the next beat of the demo", "demo"),
    Bound("demo-back", ("B",), "beat_back", "a beat back", "demo"),
    Bound("demo-play", ("P",), "by_itself", "start or stop playing the demo", "demo"),
    Bound("demo-return", ("R",), "to_script", "return to the script", "demo"),
)
BOUND: dict[str, Bound] = {bound.id: bound for bound in (*_of_commands(), *_OF_THE_APP)}


def at(place: str) -> list[Bound]:
    """Return the bindings of a place."""
    return [bound for bound in BOUND.values() if bound.place == place]


class BindingError(MiniflowError):
    """Invalid keys; `id` is that of the setting to change."""

    def __init__(self, problem: str, id: str, *, hint: str = "") -> None:  # noqa: A002
        super().__init__(problem, hint=hint)
        self.id = id


class Keys:
    """The current keys: the defaults, except those `changed`, by id."""

    def __init__(self, changed: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._given = dict(changed or {})

    def of(self, id: str) -> tuple[str, ...]:  # noqa: A002
        """Return the keys of an action, by Textual's names.

        Keys that cannot be bound stay where they are.
        """
        ships = BOUND[id].keys
        if id not in self._given:
            return ships
        return (*self._given[id], *(key for key in ships if key in FIXED))

    def is_changed(self, id: str) -> bool:  # noqa: A002
        """Whether its keys differ from the defaults."""
        return set(self.of(id)) != set(BOUND[id].keys)

    def shown(self, id: str) -> str:  # noqa: A002
        """Return the keys as they are displayed: `s → space`."""
        return " ".join(map(shown, self.of(id)))

    def of_command(self, name: str) -> str:
        """Return the keys that run a command, as they are displayed."""
        texts = (self.shown(bound.id) for bound in BOUND.values() if bound.command == name)
        return " ".join(filter(None, texts))

    def name(self, id: str) -> str:  # noqa: A002
        """Return the key to name in a sentence: the first, or the alternative to a key."""
        if keys := self.of(id):
            return shown(keys[0])
        return f"{shown(self.of('prompt')[0])}{id}" if id in COMMANDS else "(no key)"

    def keymap(self) -> dict[str, str]:
        """Return the changed keys as a keymap of Textual."""
        return {id: ",".join(self.of(id)) or NO_KEY for id in BOUND if self.is_changed(id)}  # noqa: A001

    def check(self) -> None:
        """Raise `BindingError` for keys that are missing, ambiguous, or never arrive."""
        for needed in NEEDED:
            if not self.of(needed):
                raise BindingError(f"{needed!r} needs at least one key", needed)
        for id, keys in self._given.items():  # noqa: A001
            place = BOUND[id].place
            for key in keys if place in _TYPED_AT else ():
                if character_of(key):
                    raise BindingError(
                        f"{shown(key)!r} is typed {PLACES[place]}: it cannot be a key of {id!r}",
                        id,
                        hint="as in f5 or ctrl+j",
                    )
        for places in _TOGETHER:
            self._check_places(places)

    def _check_places(self, places: tuple[str, ...]) -> None:
        """Look for a key with two actions; the defaults may share keys, as the focus decides."""
        held: dict[str, str] = dict(OF_TEXTUAL) if "screen" in places else {}
        for bound in (bound for place in places for bound in at(place)):
            for key in self.of(bound.id):
                other = held.setdefault(key, bound.id)
                if other == bound.id:
                    continue
                if other in BOUND and key in BOUND[other].keys and key in bound.keys:
                    continue
                blamed, rival = (bound.id, other) if bound.id in self._given else (other, bound.id)
                raise BindingError(
                    f"{shown(key)!r} is a key of both {blamed!r} and {rival!r}",
                    blamed,
                    hint=f"give {rival!r} another one, too" if rival in BOUND else "",
                )


# The bindings of Textual itself on every screen.
OF_TEXTUAL = {"shift+tab": "to the part before", "super+c": "copy what the mouse has marked"}
SHIPPED_KEYS = Keys()
