"""Autoplay: steps automatically at a chosen speed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.message_pump import MessagePump
from textual.timer import Timer

from mfdebug.tui.keys import keys_of

SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0)


class Autoplay:
    """Calls `step` `speed` times per second while playing.

    `changed` is called when it starts, stops or changes its speed.
    """

    def __init__(
        self,
        host: MessagePump,
        step: Callable[[], Awaitable[None]],
        changed: Callable[[], None],
    ) -> None:
        self._host = host
        self._step = step
        self._changed = changed
        self._timer: Timer | None = None
        self._level = 1

    @property
    def playing(self) -> bool:
        """Whether autoplay is on."""
        return self._timer is not None

    @property
    def speed(self) -> float:
        """Moments per second."""
        return SPEEDS[self._level]

    @property
    def mark(self) -> str:
        """A sign that it plays, with the speed; empty if it does not."""
        return f"▶ {self.speed:g}/s" if self.playing else ""

    @property
    def words(self) -> str:
        """A sentence on the speed, and the keys that change it."""
        end = ", the slowest" if self._level == 0 else ""
        end = ", the fastest" if self._level == len(SPEEDS) - 1 else end
        moments = "moment" if self.speed == 1 else "moments"
        play, faster, slower = map(keys_of(self._host).name, ("play", "faster", "slower"))
        keys = f"{play} starts and stops, {faster} {slower} change it"
        return f"plays {self.speed:g} {moments} a second{end}; {keys}"

    def start(self) -> None:
        """Start playing."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._host.set_interval(1 / self.speed, self._step)
        self._changed()

    def stop(self) -> None:
        """Stop playing."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            self._changed()

    def faster(self, by: int) -> None:
        """Increase the speed by `by` levels, or decrease it if `by` is negative."""
        self._level = min(max(self._level + by, 0), len(SPEEDS) - 1)
        if self.playing:
            self.start()
