"""The recorder inside the debugged program: it records what nodes compute and pauses on request.

Before the program starts, everything except `trace` and `terminal` is loaded into its process under
another name (`debuggee`), so that the program's own imports still run first. The package therefore
imports only modules that the interpreter has already loaded or that are written in C: no numpy,
json or typing.
"""
