"""Reads what a terminal sends by its grammar (ECMA-48), so that nothing is taken for what it isn't.

Textual compares what arrives with a list of the sequences that it knows: one that it does not know
is typed into the app character by character, and a number that no character or screen has ends the
app. Here a sequence is read to its end first. Then it is a key, an event, or it is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable

from textual import constants, events, messages
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._parser import ParseEOF, ParseTimeout, Peek1, Read1, TokenCallback
from textual._xterm_parser import XTermParser
from textual.keys import Keys
from textual.message import Message

ESC, END_OF_STRING = "\x1b", "\x1b\\"
PASTE_BEGINS, PASTE_ENDS = "\x1b[200~", "\x1b[201~"
# What begins a string: device control, start of string, operating system command, and so on.
_STRINGS = frozenset("PX]^_")
# A control sequence ends at its final byte, or at a character that none may have.
_WHOLE = re.compile(
    r"\x1b(?:\[M...|\[\[.|\[(?![M\[])[ -?]*[^ -?]|O.|[PX\]^_].*\x07|[^\[OPX\]^_])", re.DOTALL
)
_POSITION = re.compile(r"\x1b\[([0-9]{1,7});([0-9]{1,7})R")
_MOUSE = re.compile(r"\x1b\[<[0-9]{1,4};-?[0-9]{1,7};-?[0-9]{1,7}[Mm]")
_SYNCHRONIZED = re.compile(r"\x1b\[\?2026;[1-4]\$y")
# Code and alternates; modifiers and kind of event; text.
_KEY = re.compile(
    r"\x1b\[([0-9]{0,7})(?::[0-9:]*)?"
    r"(?:;([0-9]{0,3})(?::([0-9]?))?(?:;((?:[0-9]{1,7}:)*[0-9]{0,7}))?)?([u~A-FHPQRS])"
)
_RELEASED = "3"
# Sequences of the terminals of today have less than half of this.
LONGEST = 64
# Characters of one paste; the rest of it is dropped.
MOST_PASTED = 1 << 18


class EscapeParser(XTermParser):
    """Turns characters from a terminal into Textual's events. No input makes it raise."""

    def parse(self, token_callback: TokenCallback[Message]) -> Generator[Read1 | Peek1, str, None]:
        """Ask for one character after the other, and call back with each event."""
        cut_short = in_string = False
        while not self.is_eof:
            try:
                character = ESC if cut_short else (yield self.read1())
            except ParseEOF:
                return
            if character != ESC:
                in_string = False
                self._emit(self._keys(character), token_callback)
                continue
            sequence, cut_short = yield from self._sequence()
            if sequence == PASTE_BEGINS:
                token_callback(events.Paste((yield from self._pasted(token_callback))))
            elif sequence != END_OF_STRING or not in_string:
                self._emit(self._events(sequence), token_callback)
            in_string = sequence[1:2] in _STRINGS

    def _sequence(self) -> Generator[Read1 | Peek1, str, tuple[str, bool]]:
        """Read on after an ESC; return all that belongs to it, and whether an ESC cut it short."""
        sequence = ESC
        try:
            while not _is_whole(sequence):
                character = yield self.read1(constants.ESCAPE_DELAY)
                if character == ESC:
                    return sequence, True
                kept = 2 if sequence[1:2] in _STRINGS else LONGEST
                sequence = sequence[:kept] + character
        except (ParseTimeout, ParseEOF):
            pass
        return sequence, False

    def _pasted(self, token_callback: TokenCallback[Message]) -> Generator[Read1 | Peek1, str, str]:
        """Read a paste to its end; or, if that is lost, to the Escape of whoever waits for it.

        A terminal may answer while it pastes.
        """
        pasted: list[str] = []
        cut_short = False
        while not self.is_eof:
            try:
                part = ESC if cut_short else (yield self.read1())
            except ParseEOF:
                break
            cut_short = False
            if part == ESC:
                part, cut_short = yield from self._sequence()
                if part == PASTE_ENDS:
                    break
                said = next(iter(self._events(part)), None) if not cut_short else None
                if isinstance(said, events.Key) and said.key == "escape":
                    break
                if isinstance(said, events.CursorPosition):
                    token_callback(said)
                    continue
            if len(pasted) < MOST_PASTED:
                pasted.append(part)
        # NUL: Textual #1661.
        return "".join(pasted)[:MOST_PASTED].replace("\0", "")

    def _emit(self, found: Iterable[Message], token_callback: TokenCallback[Message]) -> None:
        for event in found:
            if not isinstance(event, events.Key) or event.key != Keys.Ignore:
                token_callback(event)

    def _keys(self, sequence: str, *, alt: bool = False) -> list[events.Key]:
        return list(self._sequence_to_key_events(sequence, alt=alt))

    def _events(self, sequence: str) -> Iterable[Message]:
        """Return what a sequence says, whole or as far as it came; nothing if it says nothing."""
        if sequence == ESC:
            return [events.Key("escape", ESC)]
        if len(sequence) == 2:
            return self._keys(sequence) or self._keys(sequence[1], alt=True)
        if sequence == "\x1b[I":
            return [events.AppFocus()]
        if sequence == "\x1b[O":
            return [events.AppBlur()]
        if position := _POSITION.fullmatch(sequence):
            row, column = map(int, position.groups())
            return [events.CursorPosition(column - 1, row - 1)]
        if _MOUSE.fullmatch(sequence):
            mouse = self.parse_mouse_code(sequence)
            return [] if mouse is None else [mouse]
        if _SYNCHRONIZED.fullmatch(sequence):
            return [messages.TerminalSupportsSynchronizedOutput()]
        return self._keys(sequence)

    def _parse_extended_key(  # type: ignore[override]
        self, sequence: str
    ) -> list[events.Key] | None:
        """Return the keys of a sequence of the kitty protocol; None if it is not one.

        Of a code only what Textual can take is left: no alternates, no kind of event.
        """
        found = _KEY.fullmatch(sequence)
        if found is None:
            return None
        code, modifiers, kind, text, final = found.groups(default="")
        if not code if final == "u" else f"{code or 1}{final}" not in FUNCTIONAL_KEYS:
            # Not that of a character either: perhaps that of an older terminal's key.
            return None
        if kind == _RELEASED or not all(map(_is_character, [code or "1", *text.split(":")])):
            return []
        # Textual takes any two or three parts, and of those below 1 the modifiers for -1.
        modifiers = modifiers if modifiers.strip("0") else ""
        fields = ";".join([code, modifiers, text]).rstrip(";")
        return super()._parse_extended_key(f"\x1b[{fields}{final}")


def _is_whole(sequence: str) -> bool:
    # Some keys of rxvt end in what is no end by the standard.
    return bool(_WHOLE.fullmatch(sequence)) or (
        sequence.endswith("$") and sequence in ANSI_SEQUENCES_KEYS
    )


def _is_character(code: str) -> bool:
    """Whether the decimal `code` is that of a character, or is left out."""
    number = int(code or "1")
    return number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF
