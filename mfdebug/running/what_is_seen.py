"""What a program needs for its passes to be seen, by the libraries that it has imported."""

from __future__ import annotations

from collections.abc import Sequence

# Of each library: what makes a pass.
_BY_LIBRARY = {
    "torch": "of torch, backward() and autograd.grad() make passes, in the thread that imported it",
    "autograd": "of autograd, grad(), value_and_grad() and jacobian() make passes",
    "jax": "programs that use JAX are not seen",
    "tensorflow": "programs that use TensorFlow are not seen",
}
_OTHERWISE = (
    "a pass is the forward() of nodes with a list of inputs, or a backward() of PyTorch, micrograd "
    "or autograd"
)


def what_is_seen(imported: Sequence[str] = ()) -> str:
    """Return what makes a pass, for a program that has imported these libraries."""
    found = [words for library, words in _BY_LIBRARY.items() if library in imported]
    return "; ".join(found) or _OTHERWISE
