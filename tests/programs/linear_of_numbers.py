"""The first printing's Linear: a list of inputs, a list of weights, a bias."""

from miniflow import *

inputs, weights, bias = [Input(), Input(), Input()], [Input(), Input(), Input()], Input()
f = Linear(inputs, weights, bias)
feed = {n: v for n, v in zip(inputs + weights, [6, 14, 3, 0.5, 0.25, 1.4])}
feed[bias] = 2
graph = topological_sort(feed)
print(forward_pass(f, graph))
