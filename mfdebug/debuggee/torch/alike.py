"""Passes of which only the cost is noted, as cheaply as possible, while each is as the last one."""

from __future__ import annotations

from _struct import Struct

from ..ring import DETACHED, STOP_AT
from .pass_kinds import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from ..recorder import Recorder
    from ..tape import Outline, Tape

# Passes in a row after which it is asked what comes next.
MAX_IN_A_ROW = 100

_FLOAT = Struct("<f")


class Alike:
    """The passes of `torch` that are of the last one's kind."""

    def __init__(self, torch: Any, recorder: Recorder, tape: Tape) -> None:
        self._recorder = recorder
        self._tape = tape
        self._tensor_type, self._float = torch.Tensor, torch.float32
        self._modes = torch._C._len_torch_function_stack
        self._form: Hashable = None
        self._outline: Outline | None = None
        # How many passes may come before it is asked whether the next one is watched.
        self._left = 0

    def reset(self) -> None:
        """Look for the outline of the next pass."""
        self._left = 0

    def begins(self, roots: Any) -> bool:
        """Whether a pass is of the last one's kind; the program never sees an error of ours."""
        try:
            return self._begins(roots)
        except Exception as error:
            self._recorder.failed(error)
            return False

    def _begins(self, roots: Any) -> bool:
        if self._left <= 0 or len(roots) != 1 or self._modes():
            return False
        root, outline = roots[0], self._outline
        if type(root) is not self._tensor_type or outline is None or outline.gone:
            return False
        if root.dtype is not self._float or root.dim() or walk((root.grad_fn,))[1] != self._form:
            return False
        self._left -= 1
        try:
            outline.record.data = _FLOAT.pack(root.item())
        except RuntimeError:
            # It has no storage.
            return False
        return True

    def ended(self) -> bool:
        """Write the pass that has begun; return whether it is time to ask what comes next.

        So it is if the debugger waits for this pass or the next, or no longer wants any.
        """
        recorder, outline = self._recorder, self._outline
        ring = recorder.ring
        if recorder.open is not None:
            recorder.close()
        number = recorder.number = recorder.number + 1
        if outline is not None:
            ring.put_short(outline.record, number)
        if self._left <= 0 or recorder.traced or ring.word(STOP_AT) <= number + 1:
            return True
        return ring.word(DETACHED) != 0

    def seen(self, form: Hashable, outline: Outline) -> None:
        """Note of what form a pass was, as `walk` returns it, of which only the cost is written."""
        self._form, self._outline = form, outline

    def allow(self, rest: float) -> None:
        """Expect more such passes; after `rest` of them the next one may be watched."""
        known = self._outline is not None and self._tape.is_prepared(self._outline)
        self._left = int(max(0, min(rest, MAX_IN_A_ROW))) if known else 0
