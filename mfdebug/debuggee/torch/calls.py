"""What a call of a function needs to be run again: its arguments without the numbers in them.

The numbers are recorded anyway. Here is kept how a tensor lay in memory and what was switched on,
as both decide which kernel computes, and so the last bits.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# Functions that may draw random numbers: for these the state of the generators is kept.
DRAWING = {
    "alpha_dropout",
    "alpha_dropout_",
    "bernoulli",
    "bernoulli_",
    "cauchy_",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "dropout_",
    "exponential_",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d_with_indices",
    "geometric_",
    "gru",
    "gumbel_softmax",
    "log_normal_",
    "lstm",
    "multi_head_attention_forward",
    "multinomial",
    "native_dropout",
    "normal",
    "normal_",
    "pca_lowrank",
    "poisson",
    "rand_like",
    "randn_like",
    "random_",
    "rnn_relu",
    "rnn_tanh",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "svd_lowrank",
    "uniform_",
}


class Slot:
    """Where a tensor was among the arguments: `number` counts them."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Unknown(Exception):  # noqa: N818 - it says why, and is no failure
    """Why a call cannot be run again."""


class Form:
    """How a tensor was before a call; `place` is its offset in memory, in entries.

    `taken` says whether the program wants its gradient, `view` whether it is a part of another.
    """

    __slots__ = ("device", "dtype", "place", "shape", "strides", "taken", "view")

    def __init__(self, tensor: Any) -> None:
        self.dtype = tensor.dtype
        self.device = tensor.device
        self.shape: tuple[int, ...] = tuple(tensor.shape)
        self.strides: tuple[int, ...] = tensor.stride()
        self.place = tensor.storage_offset()
        self.taken = tensor.requires_grad
        self.view = tensor._is_view()


class Before:
    """What is noted of a call before it is made: tensors, generators, and what is switched on."""

    __slots__ = ("autocast", "forms", "generators")

    def __init__(
        self,
        forms: list[Form | str],
        generators: list[tuple[Any, Any]],
        autocast: list[tuple[str, Any]],
    ) -> None:
        # A text says why a tensor cannot be made again.
        self.forms = forms
        # Of each device, the state of its generator; None is the CPU.
        self.generators = generators
        # Of each kind of device, to which type is cast.
        self.autocast = autocast


class Call:
    """A call that can be run again: arguments have a `Slot` where a tensor was.

    `problem` says why it cannot, `changed` are the numbers of the tensors it changes in place.
    `own` is the name of a function of the program's own.
    """

    __slots__ = ("args", "before", "changed", "function", "kwargs", "own", "problem")

    def __init__(self, function: Any, before: Before, changed: Sequence[int]) -> None:
        self.function = function
        self.before = before
        self.changed = changed
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.own = self.problem = ""


class Calls:
    """Notes the calls of functions of `torch`."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._types = torch.Tensor, torch.nn.Parameter
        self._tensor_type = torch.Tensor
        self._strided = torch.strided
        self._autocast = getattr(torch._C, "_is_any_autocast_enabled", lambda: False)
        self._plain = (
            bool,
            int,
            float,
            complex,
            str,
            torch.dtype,
            torch.device,
            torch.layout,
            torch.memory_format,
            torch.Size,
            type(None),
            type(...),
        )

    def before(self, tensors: list[Any], *, draws: bool) -> Before:
        """Note what a function, which may draw random numbers, is about to be called with."""
        forms = [self._form(tensor) for tensor in tensors]
        devices = [tensor.device for tensor in tensors]
        states = generators(self._torch, devices) if draws else []
        autocast = self._casts(devices) if self._autocast() else []
        return Before(forms, states, autocast)

    def _form(self, tensor: Any) -> Form | str:
        if type(tensor) not in self._types:
            return f"it takes a {type(tensor).__name__}, a class of tensors of its own"
        if tensor.layout is not self._strided or tensor.is_nested:
            return "it takes a tensor that is sparse or nested"
        if tensor.is_conj() or tensor.is_neg():
            return "it takes a tensor whose conjugate or negative is not computed yet"
        return Form(tensor)

    def _casts(self, devices: list[Any]) -> list[tuple[str, Any]]:
        torch = self._torch
        kinds = dict.fromkeys(["cpu", *(device.type for device in devices)])
        return [
            (kind, torch.get_autocast_dtype(kind))
            for kind in kinds
            if torch.is_autocast_enabled(kind)
        ]

    def noted(
        self, function: Any, args: Any, kwargs: Any, before: Before, changed: Sequence[int]
    ) -> Call:
        """Return a call that was made."""
        call = Call(function, before, changed)
        count = [0]
        try:
            call.args = tuple([self._without_tensors(item, count) for item in args])
            call.kwargs = {key: self._without_tensors(kwargs[key], count) for key in kwargs}
        except Unknown as why:
            call.problem = str(why)
        return call

    def _without_tensors(self, thing: Any, count: list[int]) -> Any:
        """Return an argument with a slot for each tensor, numbered as `Tensors.flat` lists them."""
        kind = type(thing)
        if isinstance(thing, self._tensor_type):
            count[0] += 1
            return Slot(count[0] - 1)
        if kind in self._plain:
            return thing
        if kind in (list, tuple):
            return kind([self._without_tensors(item, count) for item in thing])
        if kind is dict:
            return {key: self._without_tensors(thing[key], count) for key in thing}
        if kind is slice:
            parts = (thing.start, thing.stop, thing.step)
            return slice(*[self._without_tensors(item, count) for item in parts])
        raise Unknown(f"it was given a {kind.__name__}, which may have changed since")


def filled(thing: Any, tensors: Sequence[Any]) -> Any:
    """Return an argument with tensors in its slots."""
    kind = type(thing)
    if kind is Slot:
        return tensors[thing.number]
    if kind in (list, tuple):
        return kind([filled(item, tensors) for item in thing])
    if kind is dict:
        return {key: filled(thing[key], tensors) for key in thing}
    if kind is slice:
        return slice(*[filled(item, tensors) for item in (thing.start, thing.stop, thing.step)])
    return thing


def generators(torch: Any, devices: list[Any]) -> list[tuple[Any, Any]]:
    """Return the states of the generators of the CPU, which is None, and of other devices."""
    found = {None: torch.default_generator.get_state()}
    for device in devices:
        module: Any = getattr(torch, device.type, None)
        if device.type != "cpu" and device not in found and hasattr(module, "get_rng_state"):
            where = () if device.index is None else (device,)
            found[device] = module.get_rng_state(*where)
    return list(found.items())


def set_generator(torch: Any, device: Any, state: Any) -> None:
    """Set the generator of a device to a state that `generators` has returned."""
    if device is None:
        torch.default_generator.set_state(state)
    else:
        where = () if device.index is None else (device,)
        getattr(torch, device.type).set_rng_state(state, *where)
