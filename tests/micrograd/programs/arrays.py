# The same class over arrays: gradients are added in place, and some functions have several operands.
import numpy as np


class Tensor:
    def __init__(self, data, children=()):
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)
        self._children = children
        self._backward = lambda: None

    def __mul__(self, other):
        out = Tensor(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def sum(self):
        out = Tensor(self.data.sum(), (self,))

        def _backward():
            self.grad += np.ones_like(self.data) * out.grad

        out._backward = _backward
        return out

    @staticmethod
    def add_all(tensors):
        out = Tensor(sum(t.data for t in tensors), tuple(tensors))

        def _backward():
            for t in tensors:
                t.grad = t.grad + out.grad

        out._backward = _backward
        return out

    def backward(self):
        order, seen = [], set()

        def visit(t):
            if id(t) not in seen:
                seen.add(id(t))
                for child in t._children:
                    visit(child)
                order.append(t)

        visit(self)
        self.grad = np.ones_like(self.data)
        for t in reversed(order):
            t._backward()


a, b = Tensor([1.0, 2.0, 3.0]), Tensor([0.1, 0.2, 0.3])
for _ in range(3):
    cost = Tensor.add_all([a * b, a, a * a]).sum()
    cost.backward()
    a.data -= 0.1 * a.grad
    print(cost.data, a.grad, b.grad, type(a.grad).__name__)
