"""What a program needs for its passes to be seen, by the libraries that it has imported."""

from __future__ import annotations

from collections.abc import Sequence

# Of each library: what makes a pass.
_BY_LIBRARY = {
    "torch": "of torch, backward() and autograd.grad() make passes, in the thread that imported it",
    "autograd": "of autograd, grad(), value_and_grad() and jacobian() make passes",
    "jax": "programs that use JAX are not seen: what jit compiles has no numbers in between",
    "tensorflow": "programs that use TensorFlow are not seen",
}
_OTHERWISE = (
    "a pass is the forward() of nodes with a list of inputs, or a backward() of PyTorch, micrograd "
    "or autograd"
)

# What a file needs that is a module of a package.
RUN_A_MODULE = (
    "it is a module of a package: mfdebug -m PACKAGE.MODULE runs it, in the folder that has the "
    "package"
)


def what_to_change(ending: str, *, in_the_app: bool) -> str:
    """Return a hint on how to run a program that failed before its first pass, or ""."""
    if "attempted relative import" in ending:
        return RUN_A_MODULE
    if "EOFError" in ending and in_the_app:
        return "in the app a program has no standard input; with --plain or --batch it has"
    return ""


def what_is_seen(imported: Sequence[str] = ()) -> str:
    """Return what makes a pass, for a program that has imported these libraries."""
    found = [words for library, words in _BY_LIBRARY.items() if library in imported]
    return "; ".join(found) or _OTHERWISE
