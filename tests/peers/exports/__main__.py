"""Make the files of `graphs/models` anew, all of them or those named."""

from __future__ import annotations

import argparse

import torch

from tests.peers.exports import lenet, lstm, nanogpt, resnet_block, sklearn_mlp
from tests.support.shipped_models import FOLDER

MODELS = {
    "lenet": lenet.write,
    "resnet-block": resnet_block.write,
    "lstm": lstm.write,
    "nanogpt": nanogpt.write,
    "sklearn": sklearn_mlp.write,
}

parser = argparse.ArgumentParser(prog="python -m tests.peers.exports", description=__doc__)
parser.add_argument(
    "names", nargs="*", choices=[*MODELS, []], metavar="NAME", help=", ".join(MODELS)
)
# How sums are split between threads would change the last digits.
torch.set_num_threads(1)
for name in parser.parse_args().names or MODELS:
    print(f"{name}: {MODELS[name](FOLDER)}")
