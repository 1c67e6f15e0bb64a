"""Make the .pt2 files of tests/miniflow/importers/pt2/files, and PyTorch's gradients beside them.

    python -m tests.peers.make_pt2_files

They were made with PyTorch 2.13. `mlp` and `nanogpt` are as `torch.export.save` writes them; the
others are packed again without what the importer does not read, such as stack traces.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.peers import pt2_cases, pt2_models

# They decompose into so many calls that the file would be twice as large.
_LARGE = ("nearest", "bilinear", "linear ", "corners", "circular", "reflect", "replicate")
FOLDER = Path(__file__).parents[1] / "miniflow/importers/pt2/files"


class EveryOp(nn.Module):
    """The functions of some families."""

    def __init__(self, families: dict[str, pt2_cases.Family]) -> None:
        super().__init__()
        self.families = nn.ModuleDict(
            {name: pt2_cases.Joined(family) for name, family in families.items()}
        )

    def forward(self) -> Tensor:
        return torch.stack([family() for family in self.families.values()]).sum()


class Added(nn.Module):
    """The sum of the costs of models that take an input and labels each."""

    def __init__(self, models: list[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, *inputs: Tensor) -> Tensor:
        pairs = zip(inputs[::2], inputs[1::2], strict=True)
        return sum(model(x, labels) for model, (x, labels) in zip(self.models, pairs, strict=True))


def make(
    name: str,
    module: nn.Module,
    inputs: tuple[Any, ...],
    *,
    decomposed: bool = False,
    any_batch: bool = False,
) -> None:
    """Write a model whose output is its cost, and a file with feeds, cost and gradients."""
    rows = {0: torch.export.Dim("rows")}
    sizes = tuple(rows for _ in inputs) if any_batch else None
    exported = torch.export.export(module, inputs, dynamic_shapes=sizes)
    if decomposed:
        exported = exported.run_decompositions()
    path = FOLDER / f"{name}.pt2"
    torch.export.save(exported, path)
    cost = module(*inputs)
    cost.backward()
    names = [spec.arg.name for spec in exported.graph_signature.input_specs if not spec.target]
    tensors = {f"feed {key}": x.contiguous() for key, x in zip(names, inputs, strict=True)}
    tensors["cost"] = cost.detach().reshape(1)
    for key, parameter in module.named_parameters():
        tensors[f"gradient {key}"] = parameter.grad.contiguous().clone()
    save_file(tensors, FOLDER / f"{name}.safetensors")
    (FOLDER / f"{name}.safetensors").chmod(0o644)


def pack(name: str) -> None:
    """Write an archive again, deflated, without what the importer does not read."""
    path = FOLDER / f"{name}.pt2"
    with zipfile.ZipFile(path) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for entry, content in entries.items():
            if "sample_inputs" in entry:
                continue
            if "/models/" in entry:
                content = _shortened(content)
            info = zipfile.ZipInfo(entry)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)


def _shortened(content: bytes) -> bytes:
    model = json.loads(content)
    for node in model["graph_module"]["graph"]["nodes"]:
        for key in ("stack_trace", "torch_fn"):
            node["metadata"].pop(key, None)
        for key in ("name", "is_hop_single_tensor_return"):
            node.pop(key, None)
        for argument in node["inputs"]:
            del argument["kind"]
    for meta in model["graph_module"]["graph"]["tensor_values"].values():
        for key in ("device", "strides", "storage_offset", "layout"):
            del meta[key]
    return json.dumps(model, separators=(",", ":")).encode()


def main() -> None:
    """Make all files."""
    warnings.simplefilter("ignore")
    FOLDER.mkdir(parents=True, exist_ok=True)
    families = pt2_cases.FAMILIES
    make("every_op", EveryOp(families), ())
    pack("every_op")
    kept = {
        name: family._replace(
            functions={
                key: function
                for key, function in family.functions.items()
                if not key.startswith(_LARGE)
            }
        )
        for name, family in families.items()
        if not family.as_saved and name not in ("called by name", "cells", "picks")
    }
    make("decomposed", EveryOp(kept), (), decomposed=True)
    pack("decomposed")
    recurrent = [pt2_models.MODELS[name]() for name in pt2_models.RECURRENT]
    inputs = tuple(x for _, each in recurrent for x in each)
    make("recurrent", Added([model for model, _ in recurrent]), inputs)
    pack("recurrent")
    for name, model in (("mlp", "mlp"), ("nanogpt", "nanogpt"), ("resnet", "resnet block")):
        make(name, *pt2_models.MODELS[model](), any_batch=name == "mlp")
        if name != "mlp":
            pack(name)


if __name__ == "__main__":
    main()
