"""Linear and Sigmoid of matrices: forward alone, and np from the star."""

from miniflow import *

X, W, b = Input(), Input(), Input()
f = Linear(X, W, b)
g = Sigmoid(f)
X_ = np.array([[-1.0, -2.0], [-1, -2]])
W_ = np.array([[2.0, -3], [2.0, -3]])
b_ = np.array([-3.0, -5])
graph = topological_sort({X: X_, W: W_, b: b_})
output = forward_pass(g, graph)
print(repr(output))
