"""The first quiz, in the first printing: neurons, added up."""

from miniflow import *

x, y, z = Input(), Input(), Input()
f = Add(x, y, z)
sorted_neurons = topological_sort({x: 4, y: 5, z: 10})
output = forward_pass(f, sorted_neurons)
print("{} + {} + {} = {} (according to miniflow)".format(4, 5, 10, output))
print([n.value for n in f.inbound_neurons])
