"""Settings of training: immutable fields with defaults, which a class may check when it is made.

A frozen dataclass takes 0.5 ms to define, since its methods are compiled then, a `Struct` 0.01 ms,
and every start defines a dozen. To programs settings are dataclasses all the same: `replace`,
`fields` and `asdict` of `dataclasses` take them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import NODEFAULT, Struct, StructMeta
from msgspec.structs import fields

if TYPE_CHECKING:
    from dataclasses import Field


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


@cache
def _dataclass_fields(settings: type[Struct]) -> dict[str, Field[Any]]:
    """Return the fields of settings as those of a dataclass."""
    from dataclasses import MISSING, field, make_dataclass

    positional = settings.__match_args__
    described = []
    for known in fields(settings):
        given: Any = {
            "default": MISSING if known.default is NODEFAULT else known.default,
            "default_factory": (
                MISSING if known.default_factory is NODEFAULT else known.default_factory
            ),
            "kw_only": known.name not in positional,
        }
        described.append((known.name, known.type, field(**given)))
    found: dict[str, Field[Any]] = vars(make_dataclass("_", described))["__dataclass_fields__"]
    return found


class _DataclassFields:
    """By which `dataclasses` takes settings for dataclasses; computed when it asks."""

    def __get__(self, _instance: Settings | None, owner: type[Settings]) -> dict[str, Field[Any]]:
        return _dataclass_fields(owner)


class Settings(Struct, metaclass=NamesArguments, frozen=True):
    """Base of settings; a class with `kw_only=True` has fields that are given by name."""

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    else:
        __dataclass_fields__ = _DataclassFields()
