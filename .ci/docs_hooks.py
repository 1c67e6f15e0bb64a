"""What the docs site needs beside `mkdocs.yml`: pages from outside docs/, and links between them.

The pages are written for a reader of the repository. A link that leads out of docs/ is pointed at
where its target is on the site; a link to a file that is not on the site is reported by MkDocs.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
# Files outside docs/, by where they are on the site.
ADDED = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changes.md": "CHANGELOG.md",
    "report-security.md": "SECURITY.md",
    "graphs/index.md": "graphs/README.md",
    "examples/index.md": "examples/README.md",
    "graph.schema.json": "miniflow/files/graph.schema.json",
    "LICENSE.txt": "LICENSE",
    **{f"examples/{path.name}": f"examples/{path.name}" for path in ROOT.glob("examples/*.py")},
}
ON_SITE = {source: uri for uri, source in ADDED.items()}
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")
# A code block with the name of its file, as in ```python line.py
NAMED_BLOCK = re.compile(r"^```(\w+) (\S+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files that lie outside docs/."""
    for uri, source in ADDED.items():
        content = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point links at the site's pages, and give code blocks their titles."""
    uri = page.file.src_uri
    folder = posixpath.dirname(ADDED.get(uri, f"docs/{uri}"))

    def on_site(link: re.Match[str]) -> str:
        source = posixpath.normpath(posixpath.join(folder, link[2]))
        target = ON_SITE.get(source, source.removeprefix("docs/"))
        if source not in ON_SITE and not source.startswith("docs/"):
            return link[0]
        return f"{link[1]}{posixpath.relpath(target, posixpath.dirname(uri) or '.')}{link[3]}"

    parts, end = [], 0
    for code in CODE.finditer(markdown):
        parts += [LINK.sub(on_site, markdown[end : code.start()]), code[0]]
        end = code.end()
    parts.append(LINK.sub(on_site, markdown[end:]))
    text = "".join(parts)
    return NAMED_BLOCK.sub(r'```\1 title="\2"', text)
