"""The last program of the MiniFlow lesson, in the lesson's own style.

The lesson trains on the Boston house prices; this table is random, with the same 13 columns.
Step through it: `mfdebug examples/housing.py`.
"""

from miniflow import *

state = np.random.RandomState(7)
X_ = state.randn(44, 13)
y_ = X_ @ state.randn(13, 1) * 3 + 22
n_features, n_hidden = X_.shape[1], 10

X, y = Input(), Input()
W1, b1 = Input(), Input()
W2, b2 = Input(), Input()
l1 = Linear(X, W1, b1)
s1 = Sigmoid(l1)
l2 = Linear(s1, W2, b2)
cost = MSE(y, l2)

feed_dict = {
    X: X_,
    y: y_,
    W1: state.randn(n_features, n_hidden),
    b1: np.zeros(n_hidden),
    W2: state.randn(n_hidden, 1),
    b2: np.zeros(1),
}
graph = topological_sort(feed_dict)
trainables = [W1, b1, W2, b2]

epochs, batch_size = 50, 11
steps_per_epoch = len(X_) // batch_size
for epoch in range(1, epochs + 1):
    loss = 0
    for _ in range(steps_per_epoch):
        rows = state.randint(0, len(X_), batch_size)
        X.value, y.value = X_[rows], y_[rows]
        forward_and_backward(graph)
        sgd_update(trainables)
        loss += graph[-1].value
    if epoch in (1, 10, epochs):
        print(f"Epoch: {epoch}, Loss: {loss / steps_per_epoch:.3f}")
