"""Explain how each number was computed.

`report` describes a node at the present moment, `moment_text` formats it for the `explain` command,
and `why` traces a number back to the numbers that it was computed from. The explanation of each op
comes from `ops`, with one module per family of ops. `arithmetic` checks that every equation holds
with the digits that are shown.
"""
