"""Settings of training: immutable fields with defaults, which a class may check when it is made.

A `Struct` is defined forty times as fast as a frozen dataclass, whose methods are compiled then,
and every start defines a dozen. `replace`, `fields` and `asdict` are those of `msgspec.structs`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, StructMeta


class NamesArguments(StructMeta):
    """The class of structs that say which arguments they take, if they are given others."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Make an instance; raise `TypeError` with the name of the class and of its fields."""
        try:
            return super().__call__(*args, **kwargs)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # from a check of the class
            problem, positional = str(error), cls.__match_args__
            named = [name for name in cls.__struct_fields__ if name not in positional]
            takes = ", ".join([*positional, *(["*"] if named else []), *named])
            raise TypeError(
                f"{cls.__name__}({takes}): {problem[:1].lower()}{problem[1:]}"
            ) from None


class Settings(Struct, metaclass=NamesArguments, frozen=True, weakref=True):
    """Base of settings; a class with `kw_only=True` has fields that are given by name."""
