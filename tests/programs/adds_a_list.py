"""Add and Mul given one list, and names by position."""

from miniflow import *

x, y = Input("x"), Input("y")
total = Add([x, y], "total")
product = Mul([total, x], name="product")
graph = topological_sort({x: [1.0, 2.0], y: 3})
print(forward_pass(product, graph))
