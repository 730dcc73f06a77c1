"""What the site needs beside docs/: pages and files of the checkout's other folders, and links between docstrings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from griffe import Extension, NameResolutionError, Object
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = (
    "*.md",
    "LICENSE",
    "CITATION.cff",
    "bundles/*/docs/*",
    "tests/openkbp_patient/README.md",
    "monai_mobileunet/networks/mobile_unet.py",
)
"""Files outside of docs/ to which pages link."""

ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):`[~.]?([\w.]+)`")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Give each file its path in the checkout, so that links mean the same on the site and in the repository."""
    pages = [file for file in files if file.src_dir == config.docs_dir]
    for file in pages:
        files.remove(file)
    paths = [Path(file.src_uri) for file in pages]
    outside = [path.relative_to(ROOT) for pattern in OUTSIDE for path in sorted(ROOT.glob(pattern))]
    for path in [*("docs" / path for path in paths), *outside]:
        files.append(File(path.as_posix(), str(ROOT), config.site_dir, config.use_directory_urls))
    return files


class LinkedRoles(Extension):
    """Sphinx' roles in docstrings become links, where the site has what they name."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(lambda role: _link(obj, role[1]), obj.docstring.value)


def _link(obj: Object, name: str) -> str:
    try:
        target = obj.resolve(name)
    except NameResolutionError:
        target = name
    return f'<autoref identifier="{target}" optional><code>{name.rpartition(".")[2]}</code></autoref>'
