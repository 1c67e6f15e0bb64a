"""Gradient checking: what a backward rule says against what the forward rule does."""

from miniflow.gradcheck.checker import Verdict, check

__all__ = ["Verdict", "check"]
