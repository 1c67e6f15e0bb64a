"""The pages of the help: keys, commands and topics, each short enough for a screen of 80x24.

They are made from the table of commands, the key bindings and the topics of the `help` command, so
they cannot be out of date.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mfdebug.config.bindings import PLACES, Bound, Keys, at
from mfdebug.core.commands.command import Command
from mfdebug.core.commands.help_topics import TOPICS, Topic
from mfdebug.core.commands.table import GROUPS

# The groups of commands that have a section of keys; all other keys are under `SCREEN`.
KEY_GROUPS = ("move", "stop", "look", "change", "view")
SCREEN = "this screen"


@dataclass(frozen=True)
class Entry:
    """An entry of the help: a key, a command or a form, its description, and details."""

    head: str
    words: str
    details: str = ""


@dataclass(frozen=True)
class Section:
    """Entries under a title."""

    title: str
    entries: tuple[Entry, ...]

    def filtered(self, wanted: Iterable[str]) -> Section:
        """Return this section with only the entries that, with the title, have all wanted words."""
        title = self.title.casefold()
        missing = [word for word in wanted if word not in title]
        kept = [
            entry
            for entry in self.entries
            if all(word in _plain(entry).casefold() for word in missing)
        ]
        return replace(self, entries=tuple(kept))


@dataclass(frozen=True)
class Page:
    """A page: its name in the list of pages, what it is about, and its sections."""

    name: str
    summary: str
    sections: tuple[Section, ...]


def _plain(entry: Entry) -> str:
    return f"{entry.head} {entry.words} {entry.details}"


def pages(keys: Keys) -> list[Page]:
    """Return the whole help, with the keys in force."""
    prompt = keys.name("prompt")
    found = _key_pages(keys)
    for name, about, groups in (
        ("move", "commands that move in time", ("move",)),
        ("stop", "commands of stops", ("stop",)),
        ("look", "commands that explain, print and compare", ("look",)),
        ("change, quiz", "commands that edit, and those of the quiz", ("change", "quiz")),
        (
            "demos, files",
            "commands of demos, files and running programs",
            ("demos", "program", "files, help, quit"),
        ),
    ):
        sections = tuple(
            Section(
                f"commands, at the prompt ({prompt}) - {group}",
                tuple(_command_entry(command, keys) for command in GROUPS[group]),
            )
            for group in groups
        )
        found.append(Page(name, about, sections))
    return [*found, *(_topic_page(topic) for topic in TOPICS.values())]


def _topic_page(topic: Topic) -> Page:
    entries = tuple(Entry(head, words) for head, words in topic.entries.items())
    return Page(topic.name, topic.summary, (Section(f"{topic.name} - {topic.summary}", entries),))


def _command_entry(command: Command, keys: Keys) -> Entry:
    shown = keys.of_command(command.name)
    words = f"{command.summary}  ({shown})" if shown else command.summary
    return Entry(command.usage, words, command.details)


def _key_pages(keys: Keys) -> list[Page]:
    groups: dict[str, list[Bound]] = {name: [] for name in (*KEY_GROUPS, SCREEN)}
    for bound in at("screen"):
        groups[bound.group if bound.group in KEY_GROUPS else SCREEN].append(bound)
    found = {name: _key_entries(group, keys) for name, group in groups.items()}
    counted = f"10{keys.name('step')} 500{keys.name('sgd')}"
    found["move"] += (Entry(counted, "ten steps, 500 SGD steps: type a count first"),)
    if not (keys.is_changed("step") or keys.is_changed("back")):
        found["move"] += (Entry("s S", "lowercase goes forward, UPPERCASE goes back"),)
    found[PLACES["app"]] = _key_entries(at("app"), keys)
    found[PLACES["order"]] = _key_entries(at("order"), keys)
    found[PLACES["cost"]] = _key_entries(at("cost"), keys)
    circuit = f"{PLACES['circuit']} ({keys.name('circuit')})"
    found[circuit] = _key_entries(at("circuit"), keys)
    panel = f"{PLACES['entries']} ({keys.name('panel')})"
    found[panel] = _key_entries(at("entries"), keys)
    sections = {name: Section(f"keys - {name}", entries) for name, entries in found.items()}
    return [
        Page(
            "keys",
            "keys that move in time, and keys that work everywhere",
            (sections["move"], sections[PLACES["app"]]),
        ),
        Page(
            "more keys",
            "keys that set stops, look and change",
            tuple(sections[name] for name in ("stop", "look", "change")),
        ),
        Page("screen keys", "keys of this screen", (sections[SCREEN],)),
        Page(
            "panel keys",
            "keys in the order and in the node panel",
            (sections[PLACES["order"]], sections[panel]),
        ),
        Page(
            "curve keys",
            "keys in the curve of the costs",
            (sections[PLACES["cost"]],),
        ),
        Page(
            "view, circuit",
            "keys that change what is shown, and those in the circuit",
            (sections["view"], sections[circuit]),
        ),
    ]


def _key_entries(bound: Iterable[Bound], keys: Keys) -> tuple[Entry, ...]:
    """Return an entry per binding that has keys, with all its keys."""
    return tuple(Entry(keys.shown(b.id), b.words) for b in bound if keys.of(b.id))
