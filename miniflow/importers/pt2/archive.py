"""The entries of a .pt2 archive: a zip file from anyone, read without trusting its directory.

Only what is asked for by name is read, so a pickle in the archive is never opened. Sizes are
checked before anything is unpacked.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from pathlib import Path

from miniflow import limits
from miniflow.errors import FileError
from miniflow.files import paths

# A model of ten thousand parameters has as many entries.
ENTRIES = 100_000
JSON_BYTES = 64 * 2**20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# The signature of an entry in a zip file's directory.
_ENTRY = b"PK\x01\x02"
_MODEL = re.compile(r"([^/]+)/models/([^/]+)\.json")
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,  # encrypted
    OverflowError,
)


class Archive:
    """A .pt2 file: one folder with `models/NAME.json` and, in `data/`, its tensors.

    Raises `FileError`, also for what is not an archive of `torch.export.save`.
    """

    def __init__(self, path: Path) -> None:
        self.file = path.name
        real = paths.real(path, self.file)
        content = paths.read_bytes(real, limits.MODEL_BYTES, self.file)
        self.fingerprint = hashlib.sha256(content).hexdigest()
        # Bounds what `zipfile` allocates for its directory.
        if content.count(_ENTRY) > ENTRIES:
            raise FileError(f"it has more than {ENTRIES:,} entries", where=self.file)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except _ZIP_ERRORS as error:
            raise FileError(f"not a .pt2 file: {error}", where=self.file) from None
        self._entries = {entry.filename: entry for entry in self._zip.infolist()}
        # Bytes that were unpacked, and bytes of entries that are not compressed.
        self._read = [0, 0]
        self.folder, self.model = self._find_model()

    def _find_model(self) -> tuple[str, str]:
        """Return the archive's folder, and the model's name; the first if there are several."""
        for name in self._entries:
            if match := _MODEL.fullmatch(name):
                return match[1], match[2]
        if any(name.endswith("serialized_exported_program.json") for name in self._entries):
            raise FileError(
                "it was saved by an old PyTorch, with pickled weights, which are never loaded",
                where=self.file,
                hint="save it again with PyTorch 2.9 or later",
            )
        raise FileError(
            "the zip file has no models/NAME.json",
            where=self.file,
            hint="mfdebug opens what torch.export.save writes",
        )

    def __contains__(self, name: str) -> bool:
        return f"{self.folder}/{name}" in self._entries

    def read(self, name: str, limit: int, *, limits_stored: bool = True) -> bytes:
        """Return the content of an entry in the archive's folder, of at most `limit` bytes.

        With `limits_stored=False`, one that is not compressed can have more: its bytes are in the
        file. Raises `FileError` if there is none, if it is damaged, and if it, or all that was
        read, is too large.
        """
        where = f"{self.file}: {name}"
        entry = self._entries.get(f"{self.folder}/{name}")
        if entry is None:
            raise FileError("the archive has no such entry", where=where)
        is_stored = entry.compress_type == zipfile.ZIP_STORED
        if entry.file_size > limit and (limits_stored or not is_stored):
            raise FileError(
                f"it has {entry.file_size:,} bytes", where=where, hint=f"at most {limit:,}"
            )
        self._read[is_stored] += entry.file_size
        most = limits.MODEL_BYTES if is_stored else limits.TABLE_BYTES
        if self._read[is_stored] > most:
            raise FileError(f"its entries have more than {most:,} bytes", where=self.file)
        if entry.compress_type not in _METHODS:
            raise FileError("it is compressed in an unknown way", where=where)
        try:
            content = self._zip.read(entry)
        except _ZIP_ERRORS as error:
            raise FileError(f"the entry is damaged: {error}", where=where) from None
        if len(content) != entry.file_size:
            raise FileError("the entry is damaged: it is cut", where=where)
        return content
