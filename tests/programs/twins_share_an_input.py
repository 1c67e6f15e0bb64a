import numpy as np
from miniflow import *

rng = np.random.default_rng(5)
X, t = Input(), Input()
nets = []
for i in range(3):
    W, b = Input(), Input()
    W.value, b.value = rng.normal(size=(2, 1)), np.zeros(1)
    line = Linear(X, W, b)
    out = Tanh(line)
    nets.append([W, b, X, t, line, out, MSE(t, out)])
for step in range(12):
    net = nets[step % 2 if step < 9 else 2]  # the last one comes late
    X.value = rng.normal(size=(4, 2))
    t.value = X.value[:, :1]
    for n in net:
        n.forward()
    for n in net[:3:-1] + net[:2]:
        n.backward()
    print(step, float(net[-1].value))
    for p in net[:2]:
        p.value = p.value - 0.1 * p.gradients[p]
