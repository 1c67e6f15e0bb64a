"""What PyTorch computes for the shipped networks with layers of larger ones."""

from __future__ import annotations

from tests.support.paths import ROOT

FILE = ROOT / "tests" / "peers" / "shipped_by_pytorch.json"
# SGD steps after which the cost is compared; none where each step has another batch.
SHIPPED_LAYERS = {"lenet": 0, "batchnorm": 400, "transformer": 80, "lstm": 300}
