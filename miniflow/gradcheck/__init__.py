"""Gradient checking: backward rules compared with finite differences of forward rules."""

from miniflow.gradcheck.checker import Verdict, check

__all__ = ["Verdict", "check"]
