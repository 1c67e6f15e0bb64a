"""miniflow: a small NumPy dataflow engine in the language of the MiniFlow lesson.

`from miniflow import *` imports the names that the lesson's programs use, `np` included. `import
miniflow as mf` adds the modern API: operators and functions that create nodes, graphs that train,
graph files (see `miniflow.functional`). Both create the same nodes.

A module of miniflow is loaded when one of its names is used.
"""

from typing import TYPE_CHECKING

from miniflow.graph import Graph as Graph
from miniflow.node import Input as Input
from miniflow.node import Layer as Layer
from miniflow.node import Neuron as Neuron
from miniflow.node import Node as Node
from miniflow.node import scope as scope
from miniflow.registry import FAMILIES, FUNCTIONS, homes, on_demand

__version__ = "0.4.0"

_OPS = sorted(homes("miniflow.ops", FAMILIES))
_LESSON = "forward_and_backward forward_pass sgd_update topological_sort"
_CONTENTS = {
    "ops": " ".join(_OPS),
    "functional": " ".join(["einsum load parameter save split", *FUNCTIONS]),
    "lesson": _LESSON,
    "training.descent": "SGD Momentum",
    "training.adaptive": "Adagrad Adam AdamW RMSProp",
    "training.groups": "Group",
    "training.schedules": "Constant Cosine StepDecay",
}
_HOMES = homes(__name__, _CONTENTS)
if TYPE_CHECKING:
    import numpy

    from miniflow.functional import *
    from miniflow.lesson import forward_and_backward as forward_and_backward
    from miniflow.lesson import forward_pass as forward_pass
    from miniflow.lesson import sgd_update as sgd_update
    from miniflow.lesson import topological_sort as topological_sort
    from miniflow.ops import *
    from miniflow.training.adaptive import Adagrad as Adagrad
    from miniflow.training.adaptive import Adam as Adam
    from miniflow.training.adaptive import AdamW as AdamW
    from miniflow.training.adaptive import RMSProp as RMSProp
    from miniflow.training.descent import SGD as SGD
    from miniflow.training.descent import Momentum as Momentum
    from miniflow.training.groups import Group as Group
    from miniflow.training.schedules import Constant as Constant
    from miniflow.training.schedules import Cosine as Cosine
    from miniflow.training.schedules import StepDecay as StepDecay

    np = numpy
else:
    import numpy as np

    # The star import: the lesson's names, and all ops.
    __all__ = ["Input", "Layer", "Neuron", "Node", *_OPS, *_LESSON.split(), "np"]
    __getattr__ = on_demand(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
