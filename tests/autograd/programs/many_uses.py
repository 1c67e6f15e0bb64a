# Much of what autograd can do, each once.
import autograd.numpy as np
import autograd.numpy.random as npr
from autograd import (
    checkpoint, deriv, elementwise_grad, grad, hessian_vector_product, holomorphic_grad, jacobian,
    make_jvp, make_vjp, multigrad_dict, value_and_grad,
)
from autograd.extend import defvjp, primitive
from autograd.misc import flatten
from autograd.misc.optimizers import adam


@primitive
def logsumexp(x):
    m = np.max(x)
    return m + np.log(np.sum(np.exp(x - m)))


defvjp(logsumexp, lambda ans, x: lambda g: np.full(x.shape, g) * np.exp(x - np.full(x.shape, ans)))
x = np.array([1.5, 6.7, 1e-10])
print(grad(logsumexp)(x), jacobian(grad(logsumexp))(x))


@primitive
def without(x):
    return x * 2


try:
    grad(lambda x: np.sum(without(x)))(x)
except NotImplementedError as error:
    print(error)


def raises(x):
    y = x * x
    raise KeyError("in the middle")


try:
    grad(raises)(2.0)
except KeyError as error:
    print(error)
try:
    grad(lambda x: x * x)(x)
except TypeError as error:
    print(error)

tree = {"a": [1.0, (2.0, np.ones(2))], "b": {"c": np.array([[3.0, 1.0]])}}
f = lambda p: np.sum(p["a"][1][1] * p["b"]["c"]) + p["a"][0] ** 2 * p["a"][-1][0]
print(grad(f)(tree))
flat, unflatten = flatten(tree)
print(grad(lambda v: f(unflatten(v)))(flat))
print(make_jvp(np.sin)(0.5)(1.0), deriv(np.cos)(0.3))
vjp, ans = make_vjp(lambda x: x * np.sin(x))(x)
print(vjp(np.ones(3)), vjp(np.array([1.0, 0.0, 0.0])), ans)
print(hessian_vector_product(lambda x: np.sum(x**3))(x, x))
print(holomorphic_grad(lambda z: z**2)(1.0 + 2.0j))
print(grad(checkpoint(lambda x: np.sum(np.tanh(x) * x)))(x))
print(elementwise_grad(lambda x: x[1:] * x[0])(x))
print(grad(lambda x: np.sum(x[[0, 0, 1]] * x[2]))(x))
print(grad(lambda x: float(x._value) * x)(3.0), grad(lambda x: 1.0)(3.0))
print(grad(lambda l: np.sum(np.concatenate([l[0], l[1], l[1]])))([x, x * 2]))
print(grad(lambda a: np.sum(np.linalg.eigh(a)[0] ** 2))(np.diag(x)))
print(grad(lambda x, k=2: x**k)(3, k=3.0) if False else grad(lambda x, k=2: x**k)(3.0, k=3.0))
print(value_and_grad(lambda x, y: np.dot(x, y), 1)(x, x))
out = adam(grad(lambda p, i: np.sum((p - i) ** 2)), np.zeros(2), num_iters=5, step_size=0.1)
print(out)
print(grad(grad(grad(lambda x: x**4)))(2.0))
