"""One SGD step of a sigmoid network with a mean square error, six ways.

Every engine does the same work: gather the batch's rows, forward, backward, update, and append
the cost to `costs` as a Python float. All start from the same parameters and see the same rows;
`parameters()` returns W1, b1, W2, b2, ... for comparison.
"""

from __future__ import annotations

from array import array as number_array
from typing import Any, Protocol

import numpy as np
from lesson import Input as LessonInput
from lesson import Linear as LessonLinear
from lesson import MSE as LessonMSE
from lesson import Sigmoid as LessonSigmoid
from lesson import forward_and_backward, sgd_update, sorted_from
from network import Network
from numpy.typing import NDArray

Array = NDArray[Any]
