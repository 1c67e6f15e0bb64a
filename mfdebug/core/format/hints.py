"""Hints that name a command: what to do where something is not possible or at its end.

The core knows commands, not keys. Each hint is a whole phrase with its commands in backquotes, so
that a screen can find it in a reply and replace the commands by the keys bound to them.
"""

from __future__ import annotations

GO_ON = "`step` continues"
GO_BACK = "`back` goes back"
RUN_BACK = "`reverse-continue` runs back"
CONTINUE = "`continue` resumes the run"
SET_STOP = "`break` sets one"
RUN_STEPS = "`sgd` runs SGD steps"
CHANGE = "`set` changes a number"
BEGIN = "`step` starts a new one"
REDO = "`redo` reapplies what `undo` reverted"

FIND = "`find` searches for a node"
WATCH = "`watch` watches an expression"

HINTS = (GO_ON, GO_BACK, RUN_BACK, CONTINUE, SET_STOP, RUN_STEPS, CHANGE, BEGIN, WATCH, REDO, FIND)
