# The mistake that everybody makes once: a gradient is assigned where it should be added.
class Scalar:
    def __init__(self, data, parents=()):
        self.data = data
        self.grad = 0
        self._prev = list(parents)
        self._backward = lambda: None

    def __add__(self, other):
        out = Scalar(self.data + other.data, (self, other))

        def _backward():
            self.grad = 1.0 * out.grad
            other.grad = 1.0 * out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        out = Scalar(self.data * other.data, (self, other))

        def _backward():
            self.grad = other.data * out.grad
            other.grad = self.data * out.grad

        out._backward = _backward
        return out

    def backward(self):
        topo, seen = [], set()

        def build(v):
            if v not in seen:
                seen.add(v)
                for child in v._prev:
                    build(child)
                topo.append(v)

        build(self)
        self.grad = 1
        for v in reversed(topo):
            v._backward()


a, b = Scalar(3.0), Scalar(-2.0)
for k in range(3):
    d = a * b
    e = a + b
    f = d * e
    f.backward()
    print(a.grad, b.grad, f.data)
    a.data -= 0.01 * a.grad
