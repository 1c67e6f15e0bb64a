"""The steps of a program's optimizers, from the rows of a run file."""

from __future__ import annotations

from collections import OrderedDict

from mfdebug.recording.encoding import check_entries, value_of
from mfdebug.recording.open_run_file import damaged
from mfdebug.recording.pass_decoder import Numbered
from mfdebug.recording.records import OptimizerStep
from mfdebug.recording.run_rows import RunRows, StepRow
from mfdebug.recording.schema import OptimizerForm
from miniflow.errors import printable
from miniflow.limits import NAME_LENGTH
from miniflow.ops.base import Array

# Forms of optimizers in memory.
_OPTIMIZERS = 16


class OptimizerSteps:
    """Decodes the steps after the passes of a run; call it within a snapshot of the file."""

    def __init__(self, rows: RunRows) -> None:
        self._rows = rows
        self._forms: OrderedDict[int, OptimizerForm] = OrderedDict()

    def after(self, number: int, numbered: Numbered, *, kept: bool) -> tuple[OptimizerStep, ...]:
        """Return the steps that concern a pass, with nodes numbered as in its line.

        `numbered` is the structure of the pass; `kept`: their numbers were not dropped. Raises
        `FileError` for what is damaged.
        """
        try:
            rows = self._rows.steps(number, kept=kept)
            return tuple(self._step(row, numbered) for row in rows)
        except (ValueError, TypeError, IndexError, OverflowError, UnicodeError):
            raise damaged(f"the steps after pass {number}", self._rows.where) from None

    def _form(self, number: int) -> OptimizerForm:
        found = self._forms.get(number)
        if found is None:
            found = self._forms[number] = self._rows.optimizer(number)
            check_entries([entry.as_entry for entry in found.entries])
            if len(self._forms) > _OPTIMIZERS:
                self._forms.popitem(last=False)
        return found

    def _step(self, row: StepRow, numbered: Numbered) -> OptimizerStep:
        form, mapping = self._form(row.optimizer), numbered.mapping
        if len(row.settings) != len(form.groups):
            raise ValueError("settings of other groups")
        settings = {
            mapping[node]: group_settings
            for nodes, group_settings in zip(form.groups, row.settings, strict=True)
            for node in nodes
        }
        later = frozenset(mapping[node] for node in form.later)
        return OptimizerStep(
            printable(form.optimizer, NAME_LENGTH),
            form.known,
            {node: found for node, found in settings.items() if node >= 0},
            later - {-1},
            self._arrays(form, row.data, mapping),
        )

    @staticmethod
    def _arrays(
        form: OptimizerForm, data: bytes | None, mapping: list[int]
    ) -> dict[tuple[int, str], Array]:
        if data is None:
            return {}
        found: dict[tuple[int, str], Array] = {}
        if len(data) != sum(entry.size for entry in form.entries):
            raise ValueError("numbers of another size than the entries say")
        at = 0
        for entry in form.entries:
            if not 0 <= entry.node < len(mapping):
                raise ValueError("an entry of a missing node")
            value = value_of(entry.as_entry, data, at)
            node = mapping[entry.node]
            if node >= 0 and not isinstance(value, str):
                found[node, printable(entry.name, NAME_LENGTH)] = value
            at += entry.size
        return found
