"""Whatever a terminal sends is a key, an event, or nothing; never an error or another key."""

from __future__ import annotations

from random import Random

import pytest
from textual import events, messages
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._parser import Parser
from textual._xterm_parser import XTermParser
from textual.message import Message

from mfdebug.tui.terminal.escapes import MAX_PASTE, EscapeParser
from tests.soak.input_bytes import piece


def told(parser: Parser[Message], *parts: str) -> list[str]:
    """Return what `parts` say that arrive one after the other, and then nothing for a while."""
    found = [event for part in parts for event in parser.feed(part)]
    if parser._timeout_time is not None:
        parser._timeout_time = 0.0
        found += parser.tick()
    return [shown(event) for event in found]


def shown(event: Message) -> str:
    if isinstance(event, events.Key):
        return f"key {event.key} {event.character!r}"
    if isinstance(event, events.Paste):
        return f"paste {event.text!r}"
    if isinstance(event, events.MouseEvent):
        return f"{type(event).__name__} {event.x:g} {event.y:g} {event.button}"
    return type(event).__name__


def key(sequence: str) -> str:
    return " ".join(told(EscapeParser(), sequence))


KNOWN = [
    *ANSI_SEQUENCES_KEYS,
    *(f"\x1b[{code}" for code in FUNCTIONAL_KEYS),
    *(
        f"\x1b[{code[:-1]};{modifiers}{code[-1]}"
        for code in FUNCTIONAL_KEYS
        for modifiers in (2, 5)
    ),
    *(f"\x1b[{code};{held}u" for code in (97, 233, 0x1F9E0) for held in (1, 2, 3, 5, 6)),
    "\x1b[97;2;65u",
    "\x1b[0;;233u",
    "\x1b[97;1;97:98u",
    *"aé日\r\t\x7f\x01 ",
    "\x1bx",
    "\x1bX",
    "\x1b[<0;3;4M",
    "\x1b[<0;3;4m",
    "\x1b[<64;3;4M",
    "\x1b[<35;3;4M",
    "\x1b[I",
    "\x1b[O",
    "\x1b[12;34R",
    "\x1b[?2026;2$y",
]


def test_all_that_textual_knows_means_what_it_says() -> None:
    ours = {sequence: told(EscapeParser(), sequence) for sequence in KNOWN}
    theirs = {sequence: told(XTermParser(), sequence) for sequence in KNOWN}
    for sequence in [sequence for sequence in KNOWN if ours[sequence] != theirs[sequence]]:
        # Textual takes the numbers of some keys of older terminals for those of characters.
        (meant,) = ANSI_SEQUENCES_KEYS[sequence]
        assert ours[sequence] == [f"key {meant.value} None"]


def test_a_sequence_may_arrive_in_pieces() -> None:
    for sequence in KNOWN:
        whole = told(EscapeParser(), f"{sequence}s")
        assert told(EscapeParser(), *sequence, "s") == whole


@pytest.mark.parametrize(
    "ignored",
    [
        "\x1b[1114112u",
        "\x1b[999999999999;1u",
        "\x1b[55296u",
        "\x1b[97;1;1114112u",
        "\x1b[97;1:3u",
        "\x1b[99~",
        "\x1b[48;99999;99999;1;1t",
        "\x1b[48;0;0;0;0t",
        "\x1b[?2048;2$y",
        "\x1b[99999999;1R",
        "\x1b[<0;99999999999;1M",
        "\x1b[?64;1;2;6;22c",
        "\x1b[8;24;80t",
        "\x1b[q",
        "\x1b[>q",
        "\x1b[" + "1;" * 500 + "q",
        "\x1b[201~",
        "\x1bOz",
        "\x1b[1é",
        "\x1b]11;rgb:qqqq/qqqq/qqqq\x1b\\",
        "\x1b]52;c;qqqq\x07",
        "\x1bP>|quit q\x1b\\",
        "\x1b_Gq\x1b\\",
        "\x1b[1;",
        "\x1bPq",
    ],
)
def test_what_says_nothing_here_presses_no_keys(ignored: str) -> None:
    parser = EscapeParser()
    assert told(parser, ignored) == []
    assert told(parser, "s") == ["key s 's'"]


def test_keys_with_alternates_and_kinds_of_event_are_keys() -> None:
    assert key("\x1b[97:65;2u") == key("\x1b[97;2u") == "key shift+a None"
    assert key("\x1b[97;5:1u") == key("\x1b[97;5u") == "key ctrl+a None"


def test_pastes() -> None:
    parser = EscapeParser()
    assert told(parser, "\x1b[200~a\x1b[A\x00b", "\r\x1b[201~s") == [
        "paste 'a\\x1b[Ab\\r'",
        "key s 's'",
    ]
    assert told(parser, "\x1b[200~\x1b[201~") == ["paste ''"]
    assert told(parser, "\x1b[200~\x1b\x1b[201~") == ["paste '\\x1b'"]
    # The terminal answers meanwhile.
    assert told(parser, "\x1b[200~a\x1b[1;1Rb\x1b[201~") == ["CursorPosition", "paste 'ab'"]
    # Its end is lost: whoever waits presses Escape.
    assert told(parser, "\x1b[200~a", "\x1b") == ["paste 'a'"]
    assert told(parser, "\x1b[200~a", "\x1b[27u") == ["paste 'a'"]
    (long,) = parser.feed("\x1b[200~" + "a" * (MAX_PASTE + 9) + "\x1b[201~")
    assert isinstance(long, events.Paste)
    assert len(long.text) == MAX_PASTE


@pytest.mark.slow
def test_random_input_never_raises_and_a_key_is_a_key_after_it() -> None:
    random = Random(1)
    parser = EscapeParser()
    for _ in range(20_000):
        sent = piece(random).decode(errors="replace")
        cut = random.randrange(len(sent) + 1)
        found = told(parser, *filter(None, [sent[:cut], sent[cut:]]))
        # An Escape by itself: it ends a paste, too.
        found += told(parser, "\x1b")
        assert told(parser, "s") == ["key s 's'"], repr(sent)
        for event in found:
            event.encode()


def test_answers_are_told_apart_from_keys() -> None:
    (found,) = EscapeParser().feed("\x1b[12;34R")
    assert isinstance(found, events.CursorPosition)
    assert (found.x, found.y) == (33, 11)
    (found,) = EscapeParser().feed("\x1b[?2026;1$y")
    assert isinstance(found, messages.TerminalSupportsSynchronizedOutput)
