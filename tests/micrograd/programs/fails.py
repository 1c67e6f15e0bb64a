# A class with slots, of which one function fails backward; the program catches that.
class Scalar:
    __slots__ = ("_backward", "_prev", "data", "grad")

    def __init__(self, data, _prev=()):
        self.data = data
        self.grad = 0
        self._prev = _prev
        self._backward = lambda: None

    def __mul__(self, other):
        out = Scalar(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def inverse(self):
        out = Scalar(1 / self.data if self.data else 0.0, (self,))

        def _backward():
            self.grad += -1 / self.data**2 * out.grad

        out._backward = _backward
        return out

    def backward(self):
        def visit(v):
            v._backward()
            for child in v._prev:
                visit(child)

        self.grad = 1.0
        visit(self)


for number in (2.0, 0.0, 4.0):
    a, b = Scalar(number), Scalar(3.0)
    c = a.inverse() * b
    try:
        c.backward()
        print(a.grad, b.grad)
    except ZeroDivisionError as error:
        print("not", number, error)
