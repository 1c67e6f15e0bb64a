"""The loop variables of a code: they hold one thing after another, so that they name none.

They are read from the bytecode, since the source may not be there.
"""

from __future__ import annotations

from opcode import opmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_NEXT, _UNPACK, _EXTENDED = opmap["FOR_ITER"], opmap["UNPACK_SEQUENCE"], opmap["EXTENDED_ARG"]
_CACHE = opmap.get("CACHE", 0)
_BY_NAME = {opmap["STORE_NAME"], opmap["STORE_GLOBAL"]}
_FAST = opmap["STORE_FAST"]
# Two in one, from Python 3.13 on: each has four bits of the argument.
_TWO_FAST, _AND_LOAD = opmap.get("STORE_FAST_STORE_FAST"), opmap.get("STORE_FAST_LOAD_FAST")
# Codes whose loop variables are remembered.
MAX_CODES = 10_000

_known: dict[int, tuple[CodeType, frozenset[str]]] = {}


def loop_variables(code: CodeType) -> frozenset[str]:
    """Return the names of the variables that a `for` of a code assigns to."""
    known = _known.get(id(code))
    if known is None:
        if len(_known) >= MAX_CODES:
            _known.clear()
        known = _known[id(code)] = code, _read(code)
    return known[1]


def _stored(op: int, argument: int) -> tuple[int, ...]:
    """Return the numbers of the variables that an instruction stores to."""
    if op == _FAST or op in _BY_NAME:
        return (argument,)
    if op == _TWO_FAST:
        return argument >> 4, argument & 15
    return (argument >> 4,) if op == _AND_LOAD else ()


def _read(code: CodeType) -> frozenset[str]:
    found: set[str] = set()
    raw = code.co_code
    # How many stores that follow are those of a loop: one, or as many as are unpacked.
    wanted = high = 0
    for at in range(0, len(raw), 2):
        op, low = raw[at], raw[at + 1]
        if op == _CACHE:
            continue
        argument = high | low
        high = argument << 8 if op == _EXTENDED else 0
        if op == _EXTENDED:
            continue
        if op == _NEXT:
            wanted = 1
        elif wanted and op == _UNPACK:
            wanted += argument - 1
        elif wanted and (places := _stored(op, argument)):
            names = code.co_names if op in _BY_NAME else code.co_varnames
            found.update(names[place] for place in places[:wanted] if place < len(names))
            wanted = max(0, wanted - len(places))
        else:
            wanted = 0
    return frozenset(found)
