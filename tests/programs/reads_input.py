"""A program that asks its user."""

from miniflow import *

w, x, wanted = Input(), Input(), Input()
cost = MSE(wanted, Mul(w, x))
graph = topological_sort({w: 5.0, x: 10.0, wanted: 20.0})
forward_and_backward(graph)
print("cost", float(cost.value))
rate = float(input("learning rate? "))
sgd_update([w], rate)
forward_and_backward(graph)
print("cost", float(cost.value))
