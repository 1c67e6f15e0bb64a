"""Passes of which only the cost is noted, as cheaply as possible, while each is as the last one."""

from __future__ import annotations

from _struct import Struct

from ..ring import DETACHED, STOP_AT
from .pass_kinds import walk
from .same_form import comparer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from ..pace import Pace
    from ..recorder import Recorder
    from ..tape import Outline, Tape

# Passes in a row after which it is asked what comes next.
MAX_IN_A_ROW = 100
# Passes of one form after which code is made that compares a graph with it: in a program whose
# graph keeps changing that would take longer than it saves.
STEADY = 200

_FLOAT = Struct("<f")


class Alike:
    """The passes of `torch` that are of the last one's kind.

    `on_due` is called at the end of one of them when it is time to ask what comes next.
    """

    def __init__(
        self,
        torch: Any,
        recorder: Recorder,
        tape: Tape,
        pace: Pace,
        on_due: Callable[[], None],
    ) -> None:
        self._recorder = recorder
        self._ring, self._words = recorder.ring, recorder.ring.words
        self._pace = pace
        self._on_due = on_due
        self._tape = tape
        self._tensor_type, self._float = torch.Tensor, torch.float32
        self._modes = torch._C._len_torch_function_stack
        self._form: Hashable = None
        self._outline: Outline | None = None
        # Says whether a node of the engine has the graph of that form: faster after many of it.
        self._has_form: Callable[[Any], bool] = self._walk
        self._in_a_row = 0
        # How many passes may come before it is asked whether the next one is watched.
        self._left = 0

    def reset(self) -> None:
        """Look for the outline of the next pass."""
        self._left = 0

    def begins(self, roots: Any) -> bool:
        """Whether a pass is of the last one's kind; the program never sees an error of ours."""
        try:
            if self._left <= 0 or len(roots) != 1 or self._modes():
                return False
            root, outline = roots[0], self._outline
            if type(root) is not self._tensor_type or outline is None or outline.gone:
                return False
            if root.dtype is not self._float or root.dim() or not self._has_form(root.grad_fn):
                return False
            self._left -= 1
            try:
                outline.record.data = _FLOAT.pack(root.item())
            except RuntimeError:
                # It has no storage.
                return False
            return True
        except Exception as error:
            self._recorder.failed(error)
            return False

    def _walk(self, end: Any) -> bool:
        """Whether a node of the engine has the graph of the last pass."""
        if walk((end,))[1] != self._form:
            return False
        self._in_a_row += 1
        if self._in_a_row == STEADY:
            self._has_form = comparer(end) or self._walk
        return True

    def ended(self) -> None:
        """Write the pass that has begun, and ask what comes next when it is time to.

        It is time if the debugger waits for this pass or the next, or no longer wants any.
        """
        recorder, outline = self._recorder, self._outline
        try:
            if recorder.open is not None:
                recorder.close()
            number = recorder.number = recorder.number + 1
            if outline is not None:
                self._ring.put_short(outline.record, number)
            words = self._words
            if (
                self._left > 0
                and not recorder.traced
                and words[STOP_AT // 8] > number + 1
                and not words[DETACHED // 8]
            ):
                self._pace.unseen += 1
            else:
                self._on_due()
        except Exception as error:
            recorder.failed(error)

    def seen(self, form: Hashable, outline: Outline) -> None:
        """Note of what form a pass was, as `walk` returns it, of which only the cost is written."""
        self._form, self._outline = form, outline
        self._has_form, self._in_a_row = self._walk, 0

    def allow(self, rest: float) -> None:
        """Expect more such passes; after `rest` of them the next one may be watched."""
        known = self._outline is not None and self._tape.is_prepared(self._outline)
        self._left = int(max(0, min(rest, MAX_IN_A_ROW))) if known else 0
