"""Hostile .pt2 files: damaged, or with other JSON, other tensors, another zip directory."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from random import Random
from typing import Any

from tests.hostile.inputs import NAMES, PATHS, damaged
from tests.miniflow.importers.pt2.archives import FILES, Entries, entries_of

_SOURCES = ("mlp", "nanogpt", "resnet", "every_op")
_NUMBERS = (0, -1, 1, 2, 2**25, 2**31, 2**63, 10**30, -(2**40), 1e308, 0.5)
_OTHERS: tuple[Any, ...] = (*_NUMBERS, None, True, "", "NaN", "Infinity", [], {}, [[1]], {"a": 1})


class Planted:
    """What runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch planted",)


def archive_bytes(random: Random) -> bytes:
    """Return a damaged archive."""
    return damaged(random, (FILES / f"{random.choice(_SOURCES)}.pt2").read_bytes())


def archive_form(random: Random) -> bytes:
    """Return an archive in which values of its JSON are others, and entries are exchanged."""
    entries = entries_of(random.choice(_SOURCES))
    texts = [name for name in entries if name.endswith(".json")]
    for _ in range(random.choice((1, 1, 2, 5))):
        name = random.choice(texts)
        form = json.loads(entries[name])
        _change(random, form)
        entries[name] = json.dumps(form).encode()
    for _ in range(random.choice((0, 0, 1, 3))):
        _change_entries(random, entries)
    return _packed(random, entries)


def _change(random: Random, form: Any) -> None:
    """Change one value of a form, at a random depth."""
    steps = random.randrange(12)
    while True:
        keys = list(form) if isinstance(form, dict) else list(range(len(form)))
        if not keys:
            return
        key = random.choice(keys)
        deeper = isinstance(form[key], dict | list) and form[key]
        if deeper and steps:
            form, steps = form[key], steps - 1
            continue
        how = random.randrange(6)
        if how == 0:
            del form[key]
        elif how == 1 and isinstance(form, list):
            form.append(form[key])
        elif how == 2 and isinstance(form[key], str):
            form[key] = random.choice((*NAMES, *PATHS))
        elif how == 3:
            form[key] = random.choice(_NUMBERS)
        elif how == 4:
            other = random.choice(keys)
            form[key], form[other] = form[other], form[key]
        else:
            form[key] = random.choice(_OTHERS)
        return


def _change_entries(random: Random, entries: Entries) -> None:
    name, other = random.choice(list(entries)), random.choice(list(entries))
    how = random.randrange(6)
    if how == 0:
        del entries[name]
    elif how == 1:
        entries[name] = entries[other]
    elif how == 2:
        entries[name] = entries[name][: random.randrange(len(entries[name]) + 1)]
    elif how == 3:
        entries[name] = pickle.dumps(Planted())
    elif how == 4:
        entries[name] = bytes(2 ** random.randrange(24))
    else:
        entries[f"{random.choice(PATHS)}/{name}"] = entries[name]
    if not entries:
        entries["empty"] = b""


def _packed(random: Random, entries: Entries) -> bytes:
    """Return a zip file; in some, sizes in the directory are wrong."""
    target = io.BytesIO()
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(target, "w", method, compresslevel=1) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name.replace("\0", "0") or "x"), content, method)
        if random.random() < 0.1 and archive.filelist:
            random.choice(archive.filelist).file_size = random.choice((0, 2**20, 2**31))
    return target.getvalue()
