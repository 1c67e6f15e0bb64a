"""A program with a main function, arguments, and names inside functions."""

import argparse

import numpy as np
from miniflow import *


def build(n):
    X, W, b, y = Input(), Input(), Input(), Input()
    cost = MSE(y, Linear(X, W, b))
    feed = {X: np.ones((n, 2)), W: np.ones((2, 1)), b: np.zeros(1), y: np.zeros((n, 1))}
    return topological_sort(feed), [W, b]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("epochs", type=int, nargs="?", default=2)
    parser.add_argument("--rate", type=float, default=0.1)
    options = parser.parse_args()
    graph, trainables = build(4)
    for _ in range(options.epochs):
        forward_and_backward(graph)
        sgd_update(trainables, options.rate)
        print(repr(float(graph[-1].value)))


if __name__ == "__main__":
    main()
