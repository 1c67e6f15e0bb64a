"""Handle keys that arrive faster than they are processed, each in the right context.

Textual sends each key to the widget that has the focus when the key arrives, and looks up its
binding after it has bubbled up: if `:sgd 5` is typed, pasted or sent by a script at once, the
colon opens the prompt after `s` and `g` have already been taken for keys of the tree. Here a key
waits until the one before it, and everything that it caused, has been processed.
"""

from __future__ import annotations

import time
from collections import deque
from functools import partial

from textual.app import App, ReturnType
from textual.events import Event, Key
from textual.message_pump import MessagePump

# Seconds to wait for a key to be handled: its widget may be gone.
MAX_WAIT = 1.0


class InOrderApp(App[ReturnType]):
    """An app that handles one key after the other."""

    _waiting: deque[Key]
    _sent: float | None = None

    async def on_event(self, event: Event) -> None:
        """Queue a key while another one is being handled."""
        if not isinstance(event, Key) or event.is_forwarded:
            await super().on_event(event)
            return
        if not hasattr(self, "_waiting"):
            self._waiting = deque()
        self._waiting.append(event)
        if self._sent is None or time.monotonic() - self._sent > MAX_WAIT:
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
        """Handle the next key of the queue."""
        await super().on_event(event)

    def _follow(self, event: Key, target: MessagePump) -> None:
        """Wait until `target` has handled the key, then follow it if it bubbles up."""

        def handled() -> None:
            parent = target._parent
            if target is self or event._stop_propagation or parent is None:
                self._settle()
            else:
                self._follow(event, parent)

        if not target.call_later(handled):
            self._settle()

    def _settle(self) -> None:
        """Send the next key after the effects of this one: a submitted line, a new focus."""
        if not self._waiting:
            self._sent = None
            return
        focused: MessagePump = self.focused or self.screen
        # A message may cause another one: Enter causes "submitted", and that causes "entered".
        self._hop([focused, focused, focused, self.screen, self.screen, self])

    def _hop(self, route: list[MessagePump]) -> None:
        """Let the message queues along `route` be processed before the next key."""
        first, *rest = route
        then = partial(self._hop, rest) if rest else self._send_next
        if not first.call_later(then):
            self.call_later(then)
