"""A bundle's JSON as it is written: one layout for all files, and files that are replaced together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from monai_mobileunet.data.files import replace_file

__all__ = ["layout", "read_json", "write_files"]

COLUMNS = 120
STEP = "  "


def layout(content: Any) -> str:
    """JSON whose lists and objects stand on one line where 120 columns have room for them.

    Args:
        content: what :func:`json.dumps` takes; of a mapping each entry begins a line.

    Returns:
        The text of a file. Equal content in equal order gives equal text.
    """
    return _laid_out(content, "", 0, whole=True) + "\n"


def _laid_out(value: Any, indent: str, before: int, whole: bool = False) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or (not whole and len(indent) + before + len(line) <= COLUMNS):
        return line
    inner = indent + STEP
    if isinstance(value, list):
        parts = [_laid_out(item, inner, 1) for item in value]
    else:
        keys = {key: f"{json.dumps(key, ensure_ascii=False)}: " for key in value}
        parts = [keys[key] + _laid_out(item, inner, len(keys[key]) + 1) for key, item in value.items()]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"


def read_json(path: Path) -> dict[str, Any]:
    """Content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_files(contents: Mapping[Path, str | bytes]) -> None:
    """Replace files, all of them once all are on disk: one alone would contradict the others.

    Raises:
        OSError: one cannot be written; then none is replaced.
    """
    with ExitStack() as stack:
        for path, content in contents.items():
            encoded = content if isinstance(content, bytes) else content.encode("utf-8")
            stack.enter_context(replace_file(path)).write_bytes(encoded)
