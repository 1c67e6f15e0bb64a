"""Hints that name a command: what to do where something cannot be done, or is at its end.

The core knows commands and no keys. Each hint is a whole phrase with its commands in backquotes,
so that a screen finds it in an answer and puts the keys that are in force in their place.
"""

from __future__ import annotations

GO_ON = "`step` goes on"
GO_BACK = "`back` goes back"
CONTINUE = "`continue` goes on"
SET_STOP = "`break` sets one"
RUN_STEPS = "`sgd` runs SGD steps"
CHANGE = "`set` changes a number"
BEGIN = "`step` begins a new one"
REDO = "`redo` makes again what `undo` took back"

WATCH = "`watch` watches an expression"

HINTS = (GO_ON, GO_BACK, CONTINUE, SET_STOP, RUN_STEPS, CHANGE, BEGIN, WATCH, REDO)
