"""Models that `torch.export.save` wrote: a zip file with a graph in JSON and raw tensors.

Neither torch nor pickle is used. `archive.py` reads entries, `forms.py` the JSON, `tensors.py` the
weights, `translate.py` makes nodes by the table in `rules/`, `names.py` names them.
"""

from miniflow.importers.pt2.read import load, read

__all__ = ["load", "read"]
