"""mfdebug from Python: `debug` opens the app on a live graph, `set_trace` at the next pass.

Run it in a terminal: the debugger opens twice, and `q` leaves it. Without a terminal `debug` says
what to do instead; a session runs the same commands, and needs none.
"""

import sys

import mfdebug
import miniflow
from mfdebug.core.commands.interpreter import open_session
from mfdebug.core.timeline.computed_debugger import ComputedDebugger
from miniflow import *

w, x, wanted = Input("w"), Input("x"), Input("wanted")
cost = MSE(wanted, Mul(w, x, name="y"), name="cost")
feed_dict = {w: 5.0, x: 10.0, wanted: 20.0}

# The app on a graph: mfdebug trains a copy, the nodes keep their values.
mfdebug.debug(cost, feed_dict, trainables=[w])

# The same debugger without a screen: each line is a command of the app's prompt.
session = open_session(ComputedDebugger(miniflow.Graph.of(cost)))
for line in ("until w backward", "print w.grad", "why grad w"):
    print(f"> {line}\n{session.run(line).text}")

# The app on this program, where it is: at the end of its next pass.
if sys.stdin.isatty():
    mfdebug.set_trace()
graph = topological_sort(feed_dict)
forward_and_backward(graph)
print("cost", float(cost.value))
