"""Why each number is what it is.

`report` describes a node at the present moment, `text` writes it as the answer of `explain`,
`causes` walks from a number to the numbers that made it. What they say of an op comes from `ops`,
one module a family of ops; `arithmetic` holds every equation to its digits.
"""
