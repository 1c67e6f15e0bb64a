# A copy of the class, as people type it while they learn: operands in a tuple, and more functions.
import math
import random
import sys


class Value:
    def __init__(self, data, _children=(), _op=""):
        self.data = data
        self.grad = 0.0
        self._prev = tuple(_children)
        self._op = _op
        self._backward = lambda: None

    def __repr__(self):
        return f"Value({self.data}, {self.grad})"

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), "+")

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), "*")

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def __pow__(self, n):
        out = Value(self.data**n, (self,), f"**{n}")

        def _backward():
            self.grad += n * self.data ** (n - 1) * out.grad

        out._backward = _backward
        return out

    def tanh(self):
        t = math.tanh(self.data)
        out = Value(t, (self,), "tanh")

        def _backward():
            self.grad += (1 - t**2) * out.grad

        out._backward = _backward
        return out

    def exp(self):
        out = Value(math.exp(self.data), (self,), "exp")

        def _backward():
            self.grad += out.data * out.grad

        out._backward = _backward
        return out

    def relu(self):
        out = Value(self.data if self.data > 0 else 0.0, (self,), "ReLU")

        def _backward():
            self.grad += (out.data > 0) * out.grad

        out._backward = _backward
        return out

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build(child)
                topo.append(v)

        build(self)
        self.grad = 1.0
        for v in reversed(topo):
            v._backward()

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    __radd__ = __add__
    __rmul__ = __mul__


random.seed(7)
rate = float(sys.argv[1]) if len(sys.argv) > 1 else 0.05
w = [Value(random.uniform(-1, 1)) for _ in range(6)]
b = Value(0)
points = [(0.5, -1.25, 1.0), (1.5, 0.75, -1.0), (-0.3, 0.2, 0.5)]
for k in range(5):
    cost = Value(0.0)
    for x, y, wanted in points:
        h1 = (w[0] * x + w[1] * y + b).tanh()
        h2 = (w[2] * x + w[3] * y + b).relu()
        out = w[4] * h1 + w[5] * (h2 + h2) + (h1 * h1 * 0.1).exp()
        cost = cost + (out - wanted) ** 2
    # Gradients of every second pass are added to those before.
    if k % 2 == 0:
        for p in [*w, b]:
            p.grad = 0.0
    cost.backward()
    for p in [*w, b]:
        p.data -= rate * p.grad
    print(k, cost.data)
print([repr(p) for p in [*w, b]])
