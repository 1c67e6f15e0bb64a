"""The taps of programs in the style of micrograd: scalars that remember how they were computed.

Such a class, micrograd's own or a copy of it in the program, is recognized by its code: `__init__`
sets `data`, `grad` and `_backward`, and `backward` calls the `_backward` of each value, a function
that adds to the `grad` of the operands in its cells. The graph is read when `backward` is called,
and what each `_backward` adds is noted then. While the program computes forward, nothing is noted
but where the values of new graphs are made.
"""
