"""The ATen ops that run under a dispatch mode: their names, arguments, and what they return.

No tensor is held: the engine writes into memory that nobody else holds, and calls other ops where
somebody does.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..open_pass import Encoded
    from .tensors import Tensors

    # Where a tensor comes from: an input, what has arrived at a result, or an op; the number of it;
    # which of its results.
    Source = tuple[str, int, int]

# Bytes of numbers that are kept of one row's ops; of what comes after, only shapes are.
MAX_KEPT = 256 * 2**20
# Ops whose results have no numbers yet, only what was in memory before.
_UNWRITTEN = "aten.empty", "aten.new_empty"
# Items of a list that are listed.
MAX_LISTED = 8


class OpsSeen:
    """Notes the ops that run while its `mode` is active; `kept` are the numbers, by what they are.

    The key of a number is the kind of thing and its number: `op` counts all that ops returned.
    """

    def __init__(self, torch: Any, tensors: Tensors) -> None:
        self._torch = torch
        self._tensors = tensors
        self._ops: list[dict[str, Any]] = []
        self._count = 0
        self._sources: dict[Any, Source] = {}
        self._bytes = 0
        self.kept: dict[tuple[str, int], Encoded] = {}
        self.mode = self._new_mode()

    def _new_mode(self) -> Any:
        base = self._torch.utils._python_dispatch.TorchDispatchMode

        def __torch_dispatch__(  # noqa: N807
            _: Any, op: Any, _types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            given = [self._written(thing) for thing in args]
            given += [[f"{key}=", *self._written(kwargs[key])] for key in kwargs]
            out = op(*args, **kwargs)
            self._note(str(op), given, out)
            return out

        # Else torch imports its compiler, to keep it from this: 800 modules, 4 s.
        skip = classmethod(lambda _: False)
        body = {"__torch_dispatch__": __torch_dispatch__, "_should_skip_dynamo": skip}
        return type("OpsMode", (base,), body)()

    def take(self) -> list[dict[str, Any]]:
        """Return the ops that were seen since the last call."""
        ops, self._ops = self._ops, []
        return ops

    def name(self, tensor: Any, source: Source) -> None:
        """Note where a tensor comes from."""
        if tensor.layout is self._torch.strided and tensor.numel():
            self._sources[self._key(tensor)] = source

    def what(self, tensor: Any) -> Any:
        """Return where a tensor comes from, with its shape."""
        shape = list(tensor.shape)
        if tensor.layout is self._torch.strided and tensor.numel():
            source = self._sources.get(self._key(tensor))
            if source is not None:
                return [*source, shape]
        return ["", 0, 0, shape]

    def keep(self, key: tuple[str, int], tensor: Any) -> None:
        """Keep the numbers of a tensor, unless there are too many."""
        value = self._tensors.encoded(tensor)
        if key[0] == "op":
            self._bytes += len(value[2])
            if self._bytes > MAX_KEPT:
                return
        self.kept[key] = value

    @staticmethod
    def _key(tensor: Any) -> Any:
        # A tensor that was saved for backward is another object with the same memory.
        return tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride()

    def _note(self, name: str, given: list[Any], out: Any) -> None:
        self._count += 1
        returned = []
        for k, tensor in enumerate(self._tensors.flat(out, [])):
            returned.append([list(tensor.shape), str(tensor.dtype).removeprefix("torch."), -1])
            self.name(tensor, ("op", self._count, k))
            # Counted apart, as an op may return several.
            number = len(self.kept)
            if not name.startswith(_UNWRITTEN):
                self.keep(("op", number), tensor)
            if ("op", number) in self.kept:
                returned[-1][2] = number
        self._ops.append({"name": name, "given": given, "returned": returned})

    def _written(self, thing: Any) -> list[Any]:
        """Return an argument as pieces of text, and for tensors where they come from."""
        if isinstance(thing, self._tensors.type):
            return [self.what(thing)]
        if isinstance(thing, list | tuple):
            pieces: list[Any] = ["["]
            for i, item in enumerate(thing[:MAX_LISTED]):
                pieces += [", "] * (i > 0) + self._written(item)
            return [*pieces, ", …]" if len(thing) > MAX_LISTED else "]"]
        if isinstance(thing, str):
            return [repr(thing)]
        return [str(thing).removeprefix("torch.")]
