"""The lesson's last program, on a table of its own making."""

import numpy as np
from miniflow import *


def resample(X, y, n_samples, state):
    rows = state.randint(0, len(X), n_samples)
    return X[rows], y[rows]


state = np.random.RandomState(7)
X_ = state.randn(44, 13)
y_ = X_ @ state.randn(13) * 3 + 22
X_ = (X_ - np.mean(X_, axis=0)) / np.std(X_, axis=0)
n_features = X_.shape[1]
n_hidden = 10
W1_ = state.randn(n_features, n_hidden)
b1_ = np.zeros(n_hidden)
W2_ = state.randn(n_hidden, 1)
b2_ = np.zeros(1)

X, y = Input(), Input()
W1, b1 = Input(), Input()
W2, b2 = Input(), Input()
l1 = Linear(X, W1, b1)
s1 = Sigmoid(l1)
l2 = Linear(s1, W2, b2)
cost = MSE(y, l2)
feed_dict = {X: X_, y: y_[:, None], W1: W1_, b1: b1_, W2: W2_, b2: b2_}

epochs = 3
m = X_.shape[0]
batch_size = 11
steps_per_epoch = m // batch_size
graph = topological_sort(feed_dict)
trainables = [W1, b1, W2, b2]
print("Total number of examples = {}".format(m))
for i in range(epochs):
    loss = 0
    for j in range(steps_per_epoch):
        X_batch, y_batch = resample(X_, y_[:, None], batch_size, state)
        X.value = X_batch
        y.value = y_batch
        forward_and_backward(graph)
        sgd_update(trainables)
        loss += graph[-1].value
    print("Epoch: {}, Loss: {!r}".format(i + 1, float(loss / steps_per_epoch)))
