"""The table of key bindings: ids, default keys, and the keys in force.

The app generates its bindings, its help and its key line from this table, and settings are checked
against it before the app starts. Changed keys apply in the app only; at the prompt and in scripts
the default keys are used, so that a script means the same to everyone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from mfdebug.config.key_names import FIXED, character_of, shown
from mfdebug.core.commands.table import COMMANDS, GROUPS
from miniflow.errors import MiniflowError

# The groups of bindings, by the part of the app in which they work, with a description of it.
PLACES = {
    "screen": "on the main screen",
    "app": "everywhere except in dialogs",
    "order": "in the order",
    "circuit": "in the circuit",
    "entries": "in the node panel",
    "cost": "in the curve or a plot",
    "prompt": "at the prompt",
    "quiz": "while the quiz asks",
    "why": "in the why dialog",
    "text": "in a text dialog",
    "help": "in the help",
    "picker": "in the list of demos and graphs",
    "feed": "in the value dialog",
    "demo": "in a demo",
}
# Groups whose keys are active at the same time.
_SIMULTANEOUS = (
    ("screen", "app", "order"),
    ("screen", "app", "circuit"),
    ("screen", "app", "entries"),
    ("screen", "app", "cost"),
    *((place,) for place in ("prompt", "quiz", "why", "text", "help", "feed", "demo", "picker")),
)
# Groups in which characters are typed, so that a character cannot be a key.
_TYPING = ("prompt", "feed", "picker")
# Without these the user could not find the help or quit.
NEEDED = ("quit", "help", "prompt")
# A name that no key has, because Textual's keymap cannot leave a binding without a key.
NO_KEY = "no_key"


class Bound(Struct, frozen=True):
    """A binding: `action` is Textual's action, `words` the description shown to users.

    `command` and `group` are the command that the action runs, if any, and the command's group;
    bindings of the group `view` change what the screen shows of the moment.
    """

    id: str
    keys: tuple[str, ...]
    action: str
    words: str
    place: str
    command: str = ""
    group: str = ""


def _command_bindings() -> Iterator[Bound]:
    """Yield a binding per command line that keys run, with all its keys."""
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


_APP_BINDINGS = (
    Bound("prompt", ("colon",), "prompt('')", "command prompt", "screen"),
    Bound("play", ("P",), "play", "start or stop autoplay", "screen"),
    Bound("faster", ("plus",), "speed(1)", "play faster", "screen"),
    Bound("slower", ("minus",), "speed(-1)", "play slower", "screen"),
    Bound("log", ("l",), "log", "cost on a log scale", "screen", group="view"),
    Bound("panel", ("tab",), "panel", "to the next panel", "screen", group="view"),
    Bound("find-next", ("m",), "find_next(1)", "next match of the search", "screen"),
    Bound("find-previous", ("M",), "find_next(-1)", "previous match of the search", "screen"),
    Bound("zoom", ("i",), "zoom", "a panel on the whole screen, and back", "screen", group="view"),
    Bound(
        "circuit",
        ("G",),
        "circuit",
        "the graph drawn as a circuit, and back",
        "screen",
        group="view",
    ),
    Bound(
        "node-down",
        ("greater_than_sign",),
        "scroll_node(1)",
        "scroll the node panel down",
        "screen",
        group="view",
    ),
    Bound(
        "node-up",
        ("less_than_sign",),
        "scroll_node(-1)",
        "scroll the node panel up",
        "screen",
        group="view",
    ),
    Bound("ask", ("v",), "ask", "ask about the value or the gradient", "screen", group="view"),
    Bound(
        "compare",
        ("V",),
        "compare",
        "the previous pass beside the present one",
        "screen",
        group="view",
    ),
    Bound(
        "view", ("h",), "view", "tensors as numbers, heatmaps or pictures", "screen", group="view"
    ),
    Bound("calm", ("escape",), "calm", "stop, clear the count, end the zoom", "screen"),
    Bound("follow", ("f",), "follow", "back to the current node", "screen", group="view"),
    Bound("palette", ("ctrl+p",), "palette", "find a command", "screen"),
    Bound("open", ("O",), "app.open_another", "open another graph or demo", "screen"),
    Bound("suspend", ("ctrl+z",), "suspend_process", "to the shell and back with fg", "app"),
    Bound("redraw", ("ctrl+l",), "redraw", "draw the screen again", "app"),
    Bound("how-to-leave", ("ctrl+c",), "how_to_leave", "show how to quit", "app"),
    Bound("leave", ("ctrl+q",), "quit", "quit, also from the prompt", "app"),
    Bound("theme", ("ctrl+t",), "toggle_theme", "dark or light", "app"),
    Bound("order-up", ("up",), "move(-1)", "node above", "order"),
    Bound("order-down", ("down",), "move(1)", "node below", "order"),
    Bound("order-page-up", ("pageup",), "page(-1)", "page up", "order"),
    Bound("order-page-down", ("pagedown",), "page(1)", "page down", "order"),
    Bound("order-first", ("home",), "edge(-1)", "first node", "order"),
    Bound("order-last", ("end",), "edge(1)", "last node", "order"),
    Bound("order-open", ("enter",), "open", "open or close", "order"),
    Bound("circuit-left", ("left",), "walk('left')", "to the nearest input", "circuit"),
    Bound("circuit-right", ("right",), "walk('right')", "to the nearest consumer", "circuit"),
    Bound("circuit-up", ("up",), "walk('up')", "box above", "circuit"),
    Bound("circuit-down", ("down",), "walk('down')", "box below", "circuit"),
    Bound("circuit-open", ("enter",), "open_fold", "open a folded box", "circuit"),
    Bound("circuit-close", ("backspace",), "close_fold", "fold what is around it", "circuit"),
    Bound("entry-up", ("up",), "entry(-1, 0)", "entry above", "entries"),
    Bound("entry-down", ("down",), "entry(1, 0)", "entry below", "entries"),
    Bound("entry-left", ("left",), "entry(0, -1)", "entry to the left", "entries"),
    Bound("entry-right", ("right",), "entry(0, 1)", "entry to the right", "entries"),
    Bound("entry-page-up", ("pageup",), "entry_page(-1)", "a window of numbers up", "entries"),
    Bound("entry-page-down", ("pagedown",), "entry_page(1)", "a window of numbers down", "entries"),
    Bound("entry-first", ("home",), "entry_edge(-1)", "first entry", "entries"),
    Bound("entry-last", ("end",), "entry_edge(1)", "last entry", "entries"),
    Bound("entry-why", ("enter",), "why", "where the entry comes from", "entries"),
    Bound("cost-left", ("left",), "step(-1)", "the SGD step before", "cost"),
    Bound("cost-right", ("right",), "step(1)", "the SGD step after", "cost"),
    Bound("cost-first", ("home",), "edge(-1)", "the first SGD step", "cost"),
    Bound("cost-last", ("end",), "edge(1)", "the last SGD step", "cost"),
    Bound("prompt-leave", ("escape",), "leave", "close", "prompt"),
    Bound("prompt-complete", ("tab",), "complete(1)", "complete, next completion", "prompt"),
    Bound("prompt-uncomplete", ("shift+tab",), "complete(-1)", "previous completion", "prompt"),
    Bound("prompt-earlier", ("up",), "recall(-1)", "earlier line", "prompt"),
    Bound("prompt-later", ("down",), "recall(1)", "later line", "prompt"),
    Bound("quiz-enter", ("enter",), "enter", "enter the answer, or skip", "quiz"),
    Bound("quiz-hint", ("h",), "hint", "a hint", "quiz"),
    Bound("quiz-leave", ("escape",), "leave", "leave the question open", "quiz"),
    Bound("quiz-erase", ("backspace",), "erase", "delete a character", "quiz"),
    Bound("why-up", ("up", "k"), "term(-1)", "term above", "why"),
    Bound("why-down", ("down", "j"), "term(1)", "term below", "why"),
    Bound("why-page-up", ("pageup",), "term(-10)", "ten terms up", "why"),
    Bound("why-page-down", ("pagedown",), "term(10)", "ten terms down", "why"),
    Bound("why-left", ("left", "h"), "factor(-1)", "previous factor", "why"),
    Bound("why-right", ("right", "l", "tab"), "factor(1)", "next factor", "why"),
    Bound("why-follow", ("enter",), "follow", "explain the selected number", "why"),
    Bound("why-return", ("backspace",), "return", "return to the previous number", "why"),
    Bound("why-made", ("g",), "made", "go to the number, at its moment", "why"),
    Bound("why-close", ("escape", "q", "y"), "leave", "close", "why"),
    Bound("why-prompt", ("colon",), "prompt", "command prompt", "why"),
    Bound(
        "text-close",
        ("escape", "q", "x", "question_mark", "space"),
        "dismiss(None)",
        "close",
        "text",
    ),
    Bound("text-open", ("enter",), "open", "go to the chosen row, or close", "text"),
    Bound("text-prompt", ("colon",), "prompt", "command prompt", "text"),
    Bound("text-up", ("up", "k"), "scroll(-1)", "row or line above", "text"),
    Bound("text-down", ("down", "j"), "scroll(1)", "row or line below", "text"),
    Bound("text-page-up", ("pageup",), "scroll(-10)", "page up", "text"),
    Bound("text-page-down", ("pagedown",), "scroll(10)", "page down", "text"),
    Bound("text-first", ("home",), "edge(-1)", "first row or line", "text"),
    Bound("text-last", ("end",), "edge(1)", "last row or line", "text"),
    Bound("help-close", ("escape", "q", "question_mark"), "leave", "end the search, close", "help"),
    Bound("help-find", ("slash",), "find", "find words", "help"),
    Bound("help-open", ("enter",), "open", "open the topic", "help"),
    Bound("help-contents", ("backspace",), "contents", "to the list of topics", "help"),
    Bound("help-next", ("right", "n", "tab"), "topic(1)", "next topic", "help"),
    Bound("help-previous", ("left", "N", "shift+tab"), "topic(-1)", "previous topic", "help"),
    Bound("help-up", ("up", "k"), "scroll(-1)", "topic or line above", "help"),
    Bound("help-down", ("down", "j"), "scroll(1)", "topic or line below", "help"),
    Bound("help-page-up", ("pageup",), "page(-1)", "page up", "help"),
    Bound("help-page-down", ("pagedown", "space"), "page(1)", "page down", "help"),
    Bound("picker-leave", ("escape",), "leave", "clear, leave", "picker"),
    Bound("picker-up", ("up",), "move(-1)", "up", "picker"),
    Bound("picker-down", ("down",), "move(1)", "down", "picker"),
    Bound("picker-page-up", ("pageup",), "move(-10)", "page up", "picker"),
    Bound("picker-page-down", ("pagedown",), "move(10)", "page down", "picker"),
    Bound("feed-leave", ("escape",), "dismiss(None)", "quit", "feed"),
    Bound("demo-on", ("space",), "on", "the next beat of the demo", "demo"),
    Bound("demo-back", ("B",), "beat_back", "go back a beat", "demo"),
    Bound("demo-play", ("P",), "by_itself", "start or stop autoplay of the demo", "demo"),
    Bound("demo-return", ("R",), "to_script", "return to the script", "demo"),
)
BOUND: dict[str, Bound] = {bound.id: bound for bound in (*_command_bindings(), *_APP_BINDINGS)}


def at(place: str) -> list[Bound]:
    """Return the bindings of a group, a key of `PLACES`."""
    return [bound for bound in BOUND.values() if bound.place == place]


class BindingError(MiniflowError):
    """A binding that is not possible; `id` is the setting to change."""

    def __init__(self, problem: str, id: str, *, hint: str = "") -> None:  # noqa: A002
        super().__init__(problem, hint=hint)
        self.id = id


class Keys:
    """The keys in force: the default keys, except those `changed`, by id."""

    def __init__(self, changed: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._changed = dict(changed or {})

    def of(self, id: str) -> tuple[str, ...]:  # noqa: A002
        """Return the keys of a binding, by Textual's names.

        Keys that cannot be changed are always included.
        """
        default = BOUND[id].keys
        if id not in self._changed:
            return default
        return (*self._changed[id], *(key for key in default if key in FIXED))

    def is_changed(self, id: str) -> bool:  # noqa: A002
        """Whether a binding has other keys than the default keys."""
        return set(self.of(id)) != set(BOUND[id].keys)

    def shown(self, id: str) -> str:  # noqa: A002
        """Return the keys of a binding as shown to users: `s → space`."""
        return " ".join(map(shown, self.of(id)))

    def of_command(self, name: str) -> str:
        """Return the keys that run a command, as shown to users."""
        texts = (self.shown(bound.id) for bound in BOUND.values() if bound.command == name)
        return " ".join(filter(None, texts))

    def name(self, id: str) -> str:  # noqa: A002
        """Return the key to name in a sentence: the first one, or the command at the prompt."""
        if keys := self.of(id):
            return shown(keys[0])
        return f"{shown(self.of('prompt')[0])}{id}" if id in COMMANDS else "(no key)"

    def keymap(self) -> dict[str, str]:
        """Return the changed keys in the form of a Textual keymap."""
        return {id: ",".join(self.of(id)) or NO_KEY for id in BOUND if self.is_changed(id)}  # noqa: A001

    def check(self) -> None:
        """Raise `BindingError` for keys that are missing, ambiguous or typed as characters."""
        for needed in NEEDED:
            if not self.of(needed):
                raise BindingError(f"{needed!r} needs at least one key", needed)
        for id, keys in self._changed.items():  # noqa: A001
            place = BOUND[id].place
            for key in keys if place in _TYPING else ():
                if character_of(key):
                    raise BindingError(
                        f"{shown(key)!r} is typed {PLACES[place]}: it cannot be a key of {id!r}",
                        id,
                        hint="as in f5 or ctrl+j",
                    )
        for places in _SIMULTANEOUS:
            self._check_places(places)

    def _check_places(self, places: tuple[str, ...]) -> None:
        """Raise `BindingError` for a key of two bindings; by default some share keys by focus."""
        owners: dict[str, str] = dict(OF_TEXTUAL) if "screen" in places else {}
        for bound in (bound for place in places for bound in at(place)):
            for key in self.of(bound.id):
                other = owners.setdefault(key, bound.id)
                if other == bound.id:
                    continue
                if other in BOUND and key in BOUND[other].keys and key in bound.keys:
                    continue
                changed = bound.id in self._changed
                blamed, rival = (bound.id, other) if changed else (other, bound.id)
                raise BindingError(
                    f"{shown(key)!r} is a key of both {blamed!r} and {rival!r}",
                    blamed,
                    hint=f"give {rival!r} another one, too" if rival in BOUND else "",
                )


# Textual's own bindings on every screen.
OF_TEXTUAL = {
    "shift+tab": "to the previous part",
    "super+c": "copy the text selected with the mouse",
}
SHIPPED_KEYS = Keys()
