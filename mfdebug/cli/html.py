"""`mfdebug NAME --html FILE`: writes a page that needs no network."""

from __future__ import annotations

import sys
from pathlib import Path

from mfdebug.core.commands.page_data import page_data
from mfdebug.core.session.session import Session
from mfdebug.pictures.page import page
from miniflow.errors import MiniflowError
from miniflow.files.atomic import replace_file


def write_page(session: Session, path: Path) -> bool:
    """Write the page of a session's graph; return whether it was written."""
    content = page(page_data(session.debugger)).encode("utf-8", "backslashreplace")
    try:
        replace_file(path, content, str(path))
    except MiniflowError as error:
        sys.stderr.write(f"--html {error}\n")
        return False
    return True
