"""Passes of which only the cost is noted, as cheaply as possible.

To look through the engine's graph takes a part of a short pass's time that is felt. Of passes that
have looked alike from the outside often enough - the same last function, as many functions before
it - and were of one kind, only every few are looked through; the others are taken to be of it.
"""

from __future__ import annotations

from _struct import Struct

from ..ring import STOP_AT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..recorder import Recorder
    from ..tape import Outline

# Passes that have to look alike and be of one kind before some are not looked through; the share of
# the program's time that looking may take from then on; and passes not looked through in a row.
SURE, LOOK_SHARE, MAX_UNSEEN = 32, 0.01, 100
# Looks that are remembered to be of several kinds.
MAX_MIXED = 1000

_FLOAT = Struct("<f")


class Alike:
    """The passes of `torch` that look as the last one did."""

    def __init__(self, torch: Any, recorder: Recorder) -> None:
        self._recorder = recorder
        self._tensor_type, self._float = torch.Tensor, torch.float32
        self._modes = torch._C._len_torch_function_stack
        self._next_sequence = torch._C._autograd._get_sequence_nr
        self._since = self._next_sequence()
        # The class of the engine's last node, and how many of its nodes were made.
        self._end: Any = None
        self._made = -1
        self._kind = -1
        self._outline: Outline | None = None
        # Passes that looked so, one after the other; those from now on that are not looked through;
        # and how many are before the pace is asked again.
        self._same = self._unseen = self._left = 0
        self._mixed: set[tuple[Any, int]] = set()

    def reset(self) -> None:
        """Look through the next pass."""
        self._unseen = self._left = 0

    def begins(self, roots: Any) -> bool:
        """Whether a pass is of the last one's kind, without a look at its graph."""
        if self._left <= 0 or len(roots) != 1 or self._modes():
            return False
        root, outline = roots[0], self._outline
        if type(root) is not self._tensor_type or outline is None or outline.gone:
            return False
        made = self._next_sequence() - self._since
        if made != self._made or type(root.grad_fn) is not self._end:
            return False
        if root.dtype is not self._float or root.dim():
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

        So it is if the debugger waits for this pass, or the next.
        """
        recorder, outline = self._recorder, self._outline
        ring = recorder.ring
        if recorder.open is not None:
            recorder.close()
        number = recorder.number = recorder.number + 1
        if outline is not None:
            ring.put_short(outline.record, number)
        self._since = self._next_sequence()
        return self._left <= 0 or recorder.traced or ring.word(STOP_AT) <= number + 1

    def look(self, root: Any) -> tuple[Any, int]:
        """Return how a pass looks from the outside, before its backward."""
        return type(root.grad_fn), self._next_sequence() - self._since

    def end_pass(self) -> None:
        """Count functions from here on."""
        self._since = self._next_sequence()

    def seen(self, look: tuple[Any, int], kind: int, outline: Outline) -> None:
        """Note what a pass was that has been looked through, and that only its cost was written."""
        before = self._end, self._made
        if look == before and kind == self._kind:
            self._same += 1
        else:
            if look == before:
                if len(self._mixed) >= MAX_MIXED:
                    self._mixed.clear()
                self._mixed.add(look)
            self._same = 1
        (self._end, self._made), self._kind, self._outline = look, kind, outline

    def looked(self, seconds: float, own: float) -> None:
        """Decide how many passes are not looked through.

        `seconds` are those that looking has just taken, `own` those of a pass.
        """
        sure = self._same >= SURE and (self._end, self._made) not in self._mixed and own > 0
        self._unseen = int(min(seconds / (LOOK_SHARE * own), MAX_UNSEEN)) if sure else 0

    def allow(self, rest: float) -> None:
        """Let passes go on unseen; after `rest` of them the next one may be watched."""
        self._left = int(max(0, min(rest, self._unseen)))
        self._unseen -= self._left
