"""Functions with a backward of their own, one of them wrong on purpose."""

import warnings

import torch
from torch.autograd import Function


class Round(Function):
    @staticmethod
    def forward(ctx, x):
        return (x * 4).round() / 4

    @staticmethod
    def backward(ctx, grad):
        return grad


class Pair(Function):
    @staticmethod
    def forward(ctx, x, y, scale):
        ctx.save_for_backward(x, y)
        ctx.scale = scale
        return x * y * scale, x + y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, product, total):
        x, y = ctx.saved_tensors
        return product * y * ctx.scale + total, product * x + total, None


class InPlace(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


class Warned(Function):
    @staticmethod
    def forward(ctx, x):
        warnings.warn("stop here", stacklevel=3)
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad


torch.manual_seed(0)
w = torch.randn(4, requires_grad=True)
v = torch.randn(4, requires_grad=True)
for step in range(4):
    product, total = Pair.apply(Round.apply(w), v, 0.5)
    loss = InPlace.apply(product * 1).sum() + total.pow(2).sum()
    loss = Warned.apply(loss)
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        v -= 0.1 * v.grad
    w.grad = v.grad = None
    print(loss.item())
