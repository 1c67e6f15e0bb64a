"""A recorded call of one of PyTorch's functions, as an op of ours.

Its parts are made when the shapes of its inputs are known, which may differ from pass to pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from mfdebug.recording.functions.settings import read_options, read_setting
from miniflow.errors import MiniflowError, ShapeError
from miniflow.importers.pt2.builder import Builder, Constant, Unsupported
from miniflow.importers.pt2.names import Names
from miniflow.node import Input, Node
from miniflow.ops.base import Attribute, Op, Shape
from miniflow.ops.composed import Composed, Parts
from miniflow.ops.dropout import Dropout
from miniflow.structure import with_inputs

# What a maker raises for arguments that it does not take.
_WRONG_ARGUMENTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
# Other names of the same arguments.
_ALIASES = {"self": "x", "input": "x", "axis": "dim", "keepdims": "keepdim"}
_LIST = Attribute((), "a list", lambda value: isinstance(value, list | tuple))


class FunctionCall(Composed):
    """A call of the function `make` stands for; a subclass for each function has its name.

    `arguments` and `options` are as the recorder notes them. `types` has a word for each input:
    "bool", "whole", "learned" for what depends on a parameter, else "". `part` is which of the
    function's results it is.
    """

    library: ClassVar[str] = "PyTorch"
    make: ClassVar[Callable[..., Any]]
    attributes: ClassVar = {
        "arguments": _LIST,
        "options": _LIST,
        "types": _LIST,
        "part": Attribute(0, "which result", lambda value: isinstance(value, int) and value >= 0),
    }

    @property
    def sets_infinity(self) -> bool:
        """Whether one of its settings is infinite, as where scores are masked."""
        return any(word in repr(self.attrs["arguments"]) for word in ("#inf", "#-inf"))

    def make_parts(self, *shapes: Shape) -> Parts:
        """Make the nodes of the call; raise `ShapeError` if it cannot be put in our words."""
        try:
            return self._parts(shapes)
        except Unsupported as unsupported:
            raise ShapeError(str(unsupported)) from None
        except MiniflowError as error:
            raise ShapeError(error.problem) from None
        except _WRONG_ARGUMENTS:
            raise ShapeError("other arguments than those that are known here") from None

    def _parts(self, shapes: tuple[Shape, ...]) -> Parts:
        builder = Builder(Names())
        inputs = []
        for number, shape in enumerate(shapes):
            kind = self.attrs["types"][number]
            node = Input(f"@{number}", trainable=kind == "learned")
            inputs.append(builder.input(node, shape))
            if kind in ("bool", "whole"):
                builder.whole.add(node)
            if kind == "bool":
                builder.truths.add(node)
        arguments = [read_setting(each, inputs) for each in self.attrs["arguments"]]
        options = read_options(self.attrs["options"], inputs)
        named = {_ALIASES.get(name, name): value for name, value in options.items()}
        made: Any = type(self).make(builder, *arguments, **named)
        if isinstance(made, list | tuple) and type(made) is not Constant:
            made = made[self.attrs["part"]]
        if not isinstance(made, Node):
            raise Unsupported("nothing that depends on its inputs")
        ops = tuple(node for node in with_inputs([made]) if isinstance(node, Op))
        if any(isinstance(op, Dropout) for op in ops):
            # The rule of a model that is read from a file, as between the layers of an LSTM.
            raise Unsupported("random numbers that PyTorch has drawn")
        return Parts(tuple(inputs), ops, made, builder.shapes)
