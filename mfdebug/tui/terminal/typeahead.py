"""Keys that come faster than they are handled: a key pressed is what it was pressed for.

Textual sends each key to the widget that has the focus when the key arrives, and looks for its
binding when it has bubbled up again: of `:sgd 5` typed, pasted or sent by a script in one go, the
colon opens the prompt after `s` and `g` have already been taken for keys of the tree. Here a key
waits until the one before it has been dealt with, and what that has changed.
"""

from __future__ import annotations

import time
from collections import deque
from functools import partial

from textual.app import App, ReturnType
from textual.events import Event, Key
from textual.message_pump import MessagePump

# Seconds after which a key is no longer waited for: its widget may have gone.
LONGEST_WAIT = 1.0


class InOrderApp(App[ReturnType]):
    """An app that handles one key after the other."""

    _waiting: deque[Key]
    _sent: float | None = None

    async def on_event(self, event: Event) -> None:
        """Let a key wait while another one is on its way."""
        if not isinstance(event, Key) or event.is_forwarded:
            await super().on_event(event)
            return
        if not hasattr(self, "_waiting"):
            self._waiting = deque()
        self._waiting.append(event)
        if self._sent is None or time.monotonic() - self._sent > LONGEST_WAIT:
            await self._send_next()

    async def _send_next(self) -> None:
        self._sent = None
        if not self._waiting:
            return
        event = self._waiting.popleft()
        self._sent = time.monotonic()
        target: MessagePump = self.focused or self.screen
        await self.key_arrived(event)
        if event.is_forwarded:
            self._follow(event, target)
        else:
            self._settle()

    async def key_arrived(self, event: Key) -> None:
        """Handle a key whose turn it is."""
        await super().on_event(event)

    def _follow(self, event: Key, at: MessagePump) -> None:
        """Look again when `at` has handled the key: it stops there, or bubbles up."""

        def handled() -> None:
            parent = at._parent
            if at is self or event._stop_propagation or parent is None:
                self._settle()
            else:
                self._follow(event, parent)

        if not at.call_later(handled):
            self._settle()

    def _settle(self) -> None:
        """Send the next key after what this one has set going: a line entered, a new focus."""
        if not self._waiting:
            self._sent = None
            return
        focused: MessagePump = self.focused or self.screen
        # A message may be answered by another one: Enter by "submitted", that by "entered".
        self._hop([focused, focused, focused, self.screen, self.screen, self])

    def _hop(self, route: list[MessagePump]) -> None:
        """Let the queues be worked off on the way to the next key."""
        first, *rest = route
        then = partial(self._hop, rest) if rest else self._send_next
        if not first.call_later(then):
            self.call_later(then)
