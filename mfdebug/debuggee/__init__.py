"""What runs inside a program that is debugged: it notes what nodes compute, and waits when told.

Before the program begins, all of it but `trace` and `terminal` is loaded into the program's process
under another name (`debuggee`), so that the program's own imports are the first ones. It therefore
imports only what the interpreter has loaded anyway or is written in C: no numpy, json or typing.
"""
