"""Errors that functions raise forward: the pass up to there is written, with the error.

A program may catch one and go on. So the pass is written when another one follows that is not
computed from the same results, or when the program ends.
"""

from __future__ import annotations

from ..pass_nodes import Backward, Fault, ancestors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..pace import Pace
    from ..recorder import Recorder
    from ..tape import Tape
    from .forward import Forward


class Faults:
    """The last error of a function that is not written yet."""

    def __init__(self, recorder: Recorder, tape: Tape, forward: Forward, pace: Pace) -> None:
        self._recorder = recorder
        self._tape = tape
        self._forward = forward
        self._pace = pace
        self._fault: Fault | None = None

    def raised(self, begun: Any, error: BaseException) -> None:
        """Note the error of a function whose call has `begun`; the error itself is not held."""
        if isinstance(error, Exception):
            node = self._forward.failed(begun)
            self._fault = Fault("f", node, type(error).__name__, self._recorder.message(error))

    def settle(self, roots: Iterable[Any]) -> None:
        """Write the error's pass, unless backward from `roots` shows that the pass has gone on."""
        if self._fault is None:
            return
        roots = [root for root in roots if hasattr(root, "grad_fn")]
        nodes = set(ancestors([self._forward.node_of(root) for root in roots]))
        if any(node.sources and node in nodes for node in ancestors([self._fault.node])):
            self._fault = None
        else:
            self.write()

    def forget(self) -> None:
        """Forget the error: what came after it was not watched."""
        self._fault = None

    def write(self) -> None:
        """Write the error's pass, if there is one."""
        fault, self._fault = self._fault, None
        if fault is not None:
            self._tape.write(fault.node, Backward(), fault)
            # What follows is measured from here on, as another pass.
            self._pace.start()
