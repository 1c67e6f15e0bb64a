"""What the optimizers of a program do: which parameters a `step()` updates, by which settings.

A step belongs to the last pass of each parameter. Of passes that were written whole, the state that
the optimizer kept for their parameters, and what the step left in these, are noted too.
"""

from __future__ import annotations

import sys
from _struct import Struct

from ..text import as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..open_pass import Encoded
    from ..pace import Pace
    from ..pass_nodes import Held, Node
    from ..recorder import Recorder
    from ..tape import Tape
    from .tensors import Tensors

# Earlier passes of a parameter since its last step that are remembered.
MAX_EARLIER = 64
# Settings kept of a group, and characters of one that is a text.
MAX_SETTINGS, MAX_SETTING = 40, 80
_NOT_SETTINGS = ("params", "param_names")
_DOUBLE = Struct("<d")


class Passed:
    """A parameter's last pass: its node there, and what the pass recorded of it.

    `gradient` is None if nothing was sent to it. `earlier` are the passes before that since the
    last step, with the parameter's node in each. `stepped`: a step has followed.
    """

    __slots__ = ("earlier", "gradient", "node", "number", "parameter", "stepped", "value")

    def __init__(
        self,
        parameter: Held,
        number: int,
        node: int,
        value: Encoded | None,
        gradient: Encoded | None,
    ) -> None:
        self.parameter = parameter
        self.number = number
        self.node = node
        self.value = value
        self.gradient = gradient
        self.earlier: list[tuple[int, int]] = []
        self.stepped = False

    def is_of(self, tensor: Any) -> bool:
        """Whether it is the pass of a tensor, and not of an earlier one with the same id."""
        return self.parameter() is tensor


class Row:
    """What a step did to the parameters of one pass.

    `groups` are their nodes, by the number of their group; `later` those that a step updates only
    after a later pass.
    """

    def __init__(self) -> None:
        self.groups: dict[int, list[int]] = {}
        self.later: list[int] = []
        self.entries: list[Any] = []
        self.parts: list[bytes] = []

    def add(self, node: int, name: str, value: Encoded) -> None:
        """Add a tensor of a parameter."""
        dtype, shape, data = value
        if dtype != "text":
            self.entries.append((node, name, dtype, shape))
            self.parts.append(data)


class Step:
    """A step that is running; `first` is the number of the first pass that it may run itself."""

    def __init__(self, optimizer: Any, first: int) -> None:
        self.optimizer = optimizer
        self.first = first
        # Of each parameter, by id: its group, and what the optimizer kept for it before the step.
        self.groups: dict[int, int] = {}
        self.state: dict[int, list[tuple[str, Encoded]]] = {}
        # The parameter and its gradient before the step, where they are not those of the pass.
        self.changed: dict[int, list[tuple[str, Encoded]]] = {}
        self.settings = [_settings(optimizer, group) for group in optimizer.param_groups]


class Optimizers:
    """Notes the steps of the program's optimizers while its passes are written whole."""

    def __init__(
        self, torch: Any, recorder: Recorder, tape: Tape, tensors: Tensors, pace: Pace
    ) -> None:
        self._torch = torch
        self._recorder = recorder
        self._tape = tape
        self._tensors = tensors
        self._pace = pace
        self._last: dict[int, Passed] = {}
        self._steps: list[Step] = []
        self._handles: list[Any] = []
        tape.on_whole, tape.on_part = self._passed, self.forget

    # Watching ----------------------------------------------------------------------------------

    def watch(self) -> None:
        """Watch the steps of all optimizers."""
        # The package has deleted its own name for the module.
        module = sys.modules.get("torch.optim.optimizer")
        if self._handles or module is None:
            return
        is_compiling = self._torch.compiler.is_compiling

        def before(optimizer: Any, _args: Any, _kwargs: Any) -> None:
            # Within a compiled region, this must not become a part of what is compiled.
            if not is_compiling():
                self._guarded(self._before, optimizer)

        def after(optimizer: Any, _args: Any, _kwargs: Any) -> None:
            if not is_compiling():
                self._guarded(self._after, optimizer)

        self._handles = [
            module.register_optimizer_step_pre_hook(before),
            module.register_optimizer_step_post_hook(after),
        ]

    def forget(self) -> None:
        """Forget all passes and leave the optimizers alone, as a pass is not written whole."""
        self._last.clear()
        self._steps.clear()
        handles, self._handles = self._handles, []
        for handle in handles:
            handle.remove()

    def _guarded(self, note: Callable[[Any], None], optimizer: Any) -> None:
        if self._recorder.off:
            return
        self._pace.enter()
        try:
            with self._torch._C.DisableTorchFunction():
                note(optimizer)
        except Exception as error:
            self._recorder.failed(error)
        finally:
            self._pace.leave()

    # Passes ------------------------------------------------------------------------------------

    def _passed(
        self, number: int, trained: list[tuple[int, Node]], gradients: dict[Node, Encoded]
    ) -> None:
        """Note the trained inputs of a pass that is about to be written whole."""
        self.watch()
        step = self._steps[-1] if self._steps else None
        inside: dict[int, Row] = {}
        for node_number, node in trained:
            held = None if node.instance is None else node.instance()
            if held is None or node.instance is None:
                continue
            key = id(held)
            new = Passed(node.instance, number, node_number, node.value, gradients.get(node))
            old = self._last.get(key)
            if old is not None and old.is_of(held) and not old.stepped:
                if step is not None and key in step.groups and old.number >= step.first:
                    # The step itself has run the pass, and may have moved the parameter since.
                    row = inside.setdefault(old.number, Row())
                    row.groups.setdefault(step.groups[key], []).append(old.node)
                    new.earlier = old.earlier
                else:
                    new.earlier = [*old.earlier[1 - MAX_EARLIER :], (old.number, old.node)]
            self._last[key] = new
        if step is not None and inside:
            self._write(step, inside)

    # Steps -------------------------------------------------------------------------------------

    def _before(self, optimizer: Any) -> None:
        """Note what a step starts from."""
        step = Step(optimizer, self._recorder.number + 1)
        self._steps.append(step)
        encoded, state = self._tensors.encoded, optimizer.state
        for number, group in enumerate(optimizer.param_groups):
            for parameter in group["params"]:
                key = id(parameter)
                step.groups[key] = number
                passed = self._last.get(key)
                if passed is not None and passed.is_of(parameter):
                    found = step.changed[key] = []
                    for name, tensor, known in (
                        ("before", parameter, passed.value),
                        ("gradient", parameter.grad, passed.gradient),
                    ):
                        if tensor is not None and (now := encoded(tensor)) != known:
                            found.append((name, now))
                kept = state.get(parameter)
                if type(kept) is dict:
                    step.state[key] = self._kept(parameter, kept)

    def _kept(self, parameter: Any, kept: dict[Any, Any]) -> list[tuple[str, Encoded]]:
        """Return what an optimizer keeps for a parameter: numbers, for entries, rows or columns."""
        found: list[tuple[str, Encoded]] = []
        for name, value in kept.items():
            if type(name) is not str or len(found) >= MAX_SETTINGS:
                continue
            if isinstance(value, self._tensors.type):
                if value.dim() == 0 or _is_of(value.shape, parameter.shape):
                    found.append((name[:MAX_SETTING], self._tensors.encoded(value)))
            elif type(value) in (int, float):
                found.append((name[:MAX_SETTING], ("float", (), _DOUBLE.pack(value))))
        return found

    def _after(self, optimizer: Any) -> None:
        """Write what a step has done."""
        while self._steps and self._steps[-1].optimizer is not optimizer:
            # It has raised.
            self._steps.pop()
        if not self._steps:
            return
        step = self._steps.pop()
        rows: dict[int, Row] = {}
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._stepped(step, parameter, rows)
        self._write(step, rows)

    def _stepped(self, step: Step, parameter: Any, rows: dict[int, Row]) -> None:
        key = id(parameter)
        passed = self._last.get(key)
        if passed is None or not passed.is_of(parameter) or key not in step.groups:
            return
        for number, node in passed.earlier:
            rows.setdefault(number, Row()).later.append(node)
        passed.earlier = []
        row, encoded = rows.setdefault(passed.number, Row()), self._tensors.encoded
        row.groups.setdefault(step.groups[key], []).append(passed.node)
        changed = step.changed.get(key, [])
        if passed.number >= step.first:
            # Its gradient is that of the last pass within the step.
            now = encoded(parameter.grad)
            changed = [("gradient", now)] if now != passed.gradient else []
        after = encoded(parameter)
        for name, value in (*changed, ("after", after)):
            row.add(passed.node, name, value)
        for name, value in step.state.get(key, ()):
            row.add(passed.node, f"state.{name}", value)
        # A further step starts from here.
        passed.value, passed.stepped = after, True

    def _write(self, step: Step, rows: dict[int, Row]) -> None:
        kind = type(step.optimizer)
        rule = getattr(kind.step, "__module__", "")
        # PyTorch shortens the module of some of its classes to that of the package.
        known = type(rule) is str and rule.startswith("torch.optim.")
        for number, row in rows.items():
            form = {
                "optimizer": kind.__name__[:MAX_SETTING],
                "known": known and f"{kind.__module__}.".startswith("torch.optim."),
                "groups": [tuple(nodes) for nodes in row.groups.values()],
                "later": tuple(row.later),
                "entries": row.entries,
            }
            settings = as_json([step.settings[group] for group in row.groups])
            self._tape.write_step(number, as_json(form), settings, row.parts)


def _is_of(shape: Any, whole: Any) -> bool:
    """Whether a shape is a whole one, but perhaps for axes with one entry."""
    return len(shape) == len(whole) and all(
        size in (1, most)
        for size, most in zip(shape, whole)  # noqa: B905 - of equal length
    )


def _settings(optimizer: Any, group: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a group of parameters as plain data.

    A scheduler of learning rates keeps numbers of its own there, too.
    """
    own = getattr(optimizer, "defaults", None)
    found: dict[str, Any] = {}
    for name, value in group.items():
        if type(own) is dict and own and name not in own:
            continue
        if type(name) is str and name not in _NOT_SETTINGS and len(found) < MAX_SETTINGS:
            found[name[:MAX_SETTING]] = _setting(value)
    return found


def _setting(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float):
        return value
    if type(value) is str:
        return value[:MAX_SETTING]
    if type(value) in (list, tuple):
        return [_setting(item) for item in value[:MAX_SETTINGS]]
    if type(value).__module__ == "torch" and getattr(value, "ndim", 1) == 0:
        return value.item()
    return type(value).__name__[:MAX_SETTING]
