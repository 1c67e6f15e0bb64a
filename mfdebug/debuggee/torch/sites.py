"""Where a function was called: the line of the program, and the module whose forward runs.

Both are read from the stack: no hook is set on a module, so modules run as without us.
"""

from __future__ import annotations

import os
from _weakref import ref
from types import FunctionType

from ..name_facts import source_span, variable_of
from ..pass_nodes import INSIDE
from ..reading import own_attributes
from ..tracebacks import HIDDEN_FILE, MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

    from ..name_facts import SourceSpan
    from ..pass_nodes import Node

    # The number of a site, its frame, and the frame that calls the function: the site's or torch's.
    CallSite = tuple[int, FrameType | None, FrameType]

# Names of tensors and modules remembered.
MAX_NAMES = 100_000
# Items of a list that is looked through for modules: a longer one holds data.
MAX_LISTED = 1_000


class Sites:
    """Finds lines, scopes and names; `torch` is the program's, `ours` is our folder."""

    def __init__(self, torch: Any, ours: str) -> None:
        self._module_type = torch.nn.Module
        self._call = id(torch.nn.Module._call_impl.__code__)
        self._passed_on = torch.overrides.handle_torch_function.__code__
        # The file with what chooses between two functions, as for pooling with or without indices.
        self._choosing = torch._jit_internal.__file__
        self._skipped = os.path.dirname(torch.__file__) + os.sep, ours, "<frozen"
        # Of a code, by its id: whether it belongs to the program.
        self._of_program: dict[int, tuple[bool, CodeType]] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        self._sites: list[tuple[CodeType, int]] = []
        self._spans: dict[int, SourceSpan] = {}
        # The paths of modules and of their tensors, by id.
        self._paths: dict[int, tuple[ref[Any], str]] = {}
        # Of those that were called before they were a part of another module, as while that is
        # being built: the id of the module that was called. They are renamed with the other one.
        self._early: dict[int, int] = {}
        # The names of inputs by the code that calls the function, the site, and the argument.
        self._arguments: dict[tuple[int, int, int, int], str] = {}

    def of(self, frame: FrameType | None) -> tuple[int, str, FrameType | None]:
        """Return the number of the site of a call, the scope with a dot, and the site's frame."""
        number, here, inner, path, outer, above = -1, None, None, None, None, None
        early = None
        of_program, call = self._of_program, self._call
        while frame is not None:
            code = frame.f_code
            key = id(code)
            if key == call:
                if path is None:
                    module = frame.f_locals["self"]
                    if inner is None:
                        inner, path = module, self.path(module)
                        if path is not None:
                            early = self._early.get(id(module))
                            path = path if early is None else None
                        if path is not None and here is not None:
                            break
                    outer, above = module, frame
            elif here is None:
                known = of_program.get(key)
                if known is None:
                    known = self._classify(code)
                if known[0]:
                    here = frame
                    site = key, frame.f_lasti
                    found = self._numbers.get(site)
                    if found is None:
                        found = self._numbers[site] = len(self._sites)
                        self._sites.append((code, frame.f_lasti))
                    number = found
                    if path is not None:
                        break
            frame = frame.f_back
        if inner is None:
            return number, "", here
        if path is None:
            if early != id(outer):
                self._learn_names(outer, above)
            path = self.path(inner) or type(inner).__name__
        return number, f"{path}.", here

    def is_inside(self, caller: FrameType | None, here: FrameType | None, function: Any) -> bool:
        """Whether code of torch has called a function, not the line of the program itself.

        `caller` is the frame that has called us, `here` that of the program's line.
        """
        if caller is not None and caller.f_code is self._passed_on:
            # A function of torch that passes itself on, before it does anything.
            caller = caller.f_back
            if caller is not None and type(function) is FunctionType:
                caller = caller.f_back
        while caller is not None and caller.f_code.co_filename == self._choosing:
            caller = caller.f_back
        return here is not None and caller is not here

    def _classify(self, code: CodeType) -> tuple[bool, CodeType]:
        file = code.co_filename
        skipped = file.startswith(self._skipped)
        known = not skipped and file != HIDDEN_FILE and code.co_name != MARK, code
        self._of_program[id(code)] = known
        return known

    def path(self, thing: Any) -> str | None:
        """Return the path of a module or of its tensor from a variable on, if it is known yet."""
        known = self._paths.get(id(thing))
        return known[1] if known is not None and known[0]() is thing else None

    def _learn_names(self, outer: Any, frame: FrameType | None) -> None:
        """Learn the paths of a module, its parts and their tensors; `frame` is that of its call."""
        if len(self._paths) > MAX_NAMES:
            self._paths.clear()
            self._early.clear()
        while frame is not None and not self._is_program(frame.f_code):
            frame = frame.f_back
        name = self.path(outer) or variable_of(frame, outer, loops=False)
        name = name or self._listed(frame, outer)
        early = 0 if name else id(outer)
        name = name or self._held(frame, outer)
        name = name or variable_of(frame, outer) or type(outer).__name__.lower()
        self._learn_parts(outer, name, early)

    def _listed(self, frame: FrameType | None, outer: Any) -> str:
        """Return the place of a module in a list that is a variable of a frame, or nothing."""
        if frame is not None:
            for variables in (frame.f_locals, frame.f_globals):
                for name, thing in list(variables.items()):
                    for place, module in _items(thing):
                        if module is outer:
                            return f"{name}.{place}"
        return ""

    def _held(self, frame: FrameType | None, outer: Any) -> str:
        """Return the name of a module that an object of a frame holds, as a trainer does."""
        if frame is not None:
            for variables in (frame.f_locals, frame.f_globals):
                for name, thing in list(variables.items()):
                    for attribute, part in list((own_attributes(thing) or {}).items()):
                        if part is outer and not attribute.startswith("_"):
                            return attribute if name == "self" else f"{name}.{attribute}"
        return ""

    def learn_variables(self, frame: FrameType) -> None:
        """Learn the paths of the modules that are variables of a frame, and of their tensors."""
        for variables in (frame.f_locals, frame.f_globals):
            for name, thing in list(variables.items()):
                if isinstance(thing, self._module_type) and self.path(thing) is None:
                    self._learn_parts(thing, name)
                self._learn_items(thing, name)

    def _learn_parts(self, outer: Any, name: str, early: int = 0) -> None:
        """Learn the paths from a module on; `early` is its id if it may be a part of another."""
        for part, module in outer.named_modules():
            self._learn(module, f"{name}.{part}" if part else name, early)
        for part, tensor in [*outer.named_parameters(), *outer.named_buffers()]:
            self._learn(tensor, f"{name}.{part}", early)
        # Modules in a plain list are no parts of their module to torch: its parameters have not
        # theirs, a mistake that is easier to see when they have a name.
        for part, module in outer.named_modules():
            for attribute, thing in list(vars(module).items()):
                if not attribute.startswith("_"):
                    path = f"{name}.{part}.{attribute}" if part else f"{name}.{attribute}"
                    self._learn_items(thing, path)

    def _learn_items(self, thing: Any, path: str) -> None:
        for place, item in _items(thing):
            if isinstance(item, self._module_type) and self.path(item) is None:
                self._learn_parts(item, f"{path}.{place}")

    def _learn(self, thing: Any, path: str, early: int) -> None:
        key = id(thing)
        if self.path(thing) is not None and key not in self._early:
            return
        self._paths[key] = ref(thing), path
        if early:
            self._early[key] = early
        else:
            self._early.pop(key, None)

    def _is_program(self, code: CodeType) -> bool:
        known = self._of_program.get(id(code))
        return (self._classify(code) if known is None else known)[0]

    def name_of_input(self, tensor: Any, call: CallSite | None, argument: int) -> str:
        """Return the name of a tensor that the program passes to a function."""
        path = self.path(tensor)
        if path is not None:
            return path
        if call is None:
            return ""
        site, frame, caller = call
        if site < 0:
            return variable_of(frame, tensor)
        # In one line of the program, torch itself may call several functions.
        key = id(caller.f_code), caller.f_lasti, site, argument
        known = self._arguments.get(key)
        if known is None:
            if len(self._arguments) > MAX_NAMES:
                self._arguments.clear()
            known = self._arguments[key] = variable_of(frame, tensor)
        return known

    def span(self, site: int) -> SourceSpan | None:
        """Return the source of a site."""
        if site < 0:
            return None
        if site not in self._spans:
            self._spans[site] = source_span(*self._sites[site])
        return self._spans[site]


def _items(thing: Any) -> list[tuple[Any, Any]]:
    """Return the places and items of a plain list, tuple or dictionary; none of anything else."""
    if type(thing) in (list, tuple) and len(thing) <= MAX_LISTED:
        return list(enumerate(thing))
    if type(thing) is dict and len(thing) <= MAX_LISTED:
        return [(key, item) for key, item in thing.items() if type(key) in (str, int)]
    return []


def named(scope: str, name: str) -> str:
    """Return a name within a scope; none without one, or if it is no value of its line."""
    return scope if scope in ("", INSIDE) else f"{scope}{name}"


def named_after(node: Node, tensor: Any, call: CallSite | None) -> Node:
    """Return a node; one without a name of its line has that of the variable that is passed now."""
    if node.form[1] == INSIDE and call is not None:
        node.form = (node.form[0], variable_of(call[1], tensor) or INSIDE, *node.form[2:])
    return node
