"""Graph files: loading, saving, and the JSON Schema of their format.

Nothing here runs code from a file, unpickles, or follows a link out of the graph's folder.
"""

from miniflow.files.load import load, loads
from miniflow.files.save import save
from miniflow.files.schema import schema

__all__ = ["load", "loads", "save", "schema"]
