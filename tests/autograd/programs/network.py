# A network in a list of weights and biases, trained with value_and_grad, and derivatives of other
# functions.
import sys

import autograd.numpy as np
from autograd import elementwise_grad, grad, hessian, jacobian, value_and_grad

rng = np.random.RandomState(0)
x = rng.randn(6, 3)
y = rng.randn(6, 1)
rate = float(sys.argv[1]) if len(sys.argv) > 1 else 0.5
params = [(rng.randn(3, 4) * 0.3, np.zeros(4)), (rng.randn(4, 1) * 0.3, np.zeros(1))]


def network(params, x):
    for W, b in params[:-1]:
        x = np.tanh(np.dot(x, W) + b)
    W, b = params[-1]
    return np.dot(x, W) + b


def loss(params, x, y):
    error = network(params, x) - y
    return np.mean(error * error) + 0.01 * np.sum(params[0][0] ** 2)


loss_and_grad = value_and_grad(loss)
for k in range(4):
    value, grads = loss_and_grad(params, x, y)
    params = [(W - rate * dW, b - rate * db) for (W, b), (dW, db) in zip(params, grads)]
    print(k, repr(value))

w = np.array([1.0, 2.0, 3.0])


def cubic(w):
    return np.sum(w**2 * w[0]) + w[1:].max()


for k in range(3):
    w -= 0.01 * grad(cubic)(w)
print(w.tolist())
print(hessian(cubic)(w).tolist())
print(elementwise_grad(np.sin)(w).tolist(), jacobian(lambda v: v * v)(w).tolist())
print(grad(lambda a, b: a * b + a * a, (0, 1))(2.0, 3.0))
print(grad(lambda d: d["a"] * d["b"])({"a": 2.0, "b": 5.0}))
