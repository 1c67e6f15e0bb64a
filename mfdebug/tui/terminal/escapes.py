"""Parse the input from a terminal by its grammar (ECMA-48), so that no sequence is misread.

Textual compares the input with a list of known sequences: an unknown sequence is typed into the
app character by character, and a number out of the range of characters or screen positions crashes
the app. Here a sequence is read to its end first; then it is a key, an event, or ignored.
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
# The characters that start a string: device control, start of string, operating system command, ...
_STRINGS = frozenset("PX]^_")
# A control sequence ends at its final byte, or at a character that is not allowed in it.
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
# Sequences of today's terminals are less than half as long.
MAX_SEQUENCE = 64
# Characters of one paste; the rest is dropped.
MAX_PASTE = 1 << 18


class EscapeParser(XTermParser):
    """Turns characters from a terminal into Textual's events. No input makes it raise."""

    def parse(self, token_callback: TokenCallback[Message]) -> Generator[Read1 | Peek1, str, None]:
        """Read one character after the other, and pass each event to `token_callback`."""
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
        """Read the sequence after an ESC; return it, and whether another ESC cut it short."""
        sequence = ESC
        try:
            while not _is_whole(sequence):
                character = yield self.read1(constants.ESCAPE_DELAY)
                if character == ESC:
                    return sequence, True
                kept = 2 if sequence[1:2] in _STRINGS else MAX_SEQUENCE
                sequence = sequence[:kept] + character
        except (ParseTimeout, ParseEOF):
            pass
        return sequence, False

    def _pasted(self, token_callback: TokenCallback[Message]) -> Generator[Read1 | Peek1, str, str]:
        """Read a paste to its end; if the end is lost, the user's Escape ends it.

        A terminal may send a cursor position during a paste.
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
                event = next(iter(self._events(part)), None) if not cut_short else None
                if isinstance(event, events.Key) and event.key == "escape":
                    break
                if isinstance(event, events.CursorPosition):
                    token_callback(event)
                    continue
            if len(pasted) < MAX_PASTE:
                pasted.append(part)
        # NUL: Textual #1661.
        return "".join(pasted)[:MAX_PASTE].replace("\0", "")

    def _emit(self, found: Iterable[Message], token_callback: TokenCallback[Message]) -> None:
        for event in found:
            if not isinstance(event, events.Key) or event.key != Keys.Ignore:
                token_callback(event)

    def _keys(self, sequence: str, *, alt: bool = False) -> list[events.Key]:
        return list(self._sequence_to_key_events(sequence, alt=alt))

    def _events(self, sequence: str) -> Iterable[Message]:
        """Return the events of a sequence, which may be incomplete; empty if it is unknown."""
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

        Only the fields that Textual supports are passed on: no alternate codes, no event type.
        """
        found = _KEY.fullmatch(sequence)
        if found is None:
            return None
        code, modifiers, kind, text, final = found.groups(default="")
        if not code if final == "u" else f"{code or 1}{final}" not in FUNCTIONAL_KEYS:
            # Not the code of a character either: perhaps a key of an older terminal.
            return None
        if kind == _RELEASED or not all(map(_is_character, [code or "1", *text.split(":")])):
            return []
        # Textual accepts any two or three fields, and takes modifiers below 1 for -1.
        modifiers = modifiers if modifiers.strip("0") else ""
        fields = ";".join([code, modifiers, text]).rstrip(";")
        return super()._parse_extended_key(f"\x1b[{fields}{final}")


def _is_whole(sequence: str) -> bool:
    # Some keys of rxvt end in a character that the standard does not allow as the final byte.
    return bool(_WHOLE.fullmatch(sequence)) or (
        sequence.endswith("$") and sequence in ANSI_SEQUENCES_KEYS
    )


def _is_character(code: str) -> bool:
    """Whether the decimal `code` is a Unicode scalar value, or omitted."""
    number = int(code or "1")
    return number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF
