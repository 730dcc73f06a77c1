"""What all reports share: the colours of classes, the set-up of pages, tables as CSV, and files written whole."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from monai_mobileunet.data.files import write_text

__all__ = ["NOTICE", "csv_text", "data_uri", "now", "render", "render_pieces", "write_reports"]

NOTICE = "Not a medical device. Not for diagnostic use."


def render(template: str, **content: Any) -> str:
    """An HTML page from a template of this room; text is escaped, and a missing value raises."""
    return "".join(render_pieces(template, **content))


def render_pieces(template: str, **content: Any) -> Iterator[str]:
    """The same page piece by piece: what it takes from an iterator need not lie in memory together."""
    environment = Environment(
        loader=PackageLoader("monai_mobileunet.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).generate(notice=NOTICE, **content)


def data_uri(content: bytes, kind: str) -> str:
    """A picture in the page itself: ``kind`` is ``"png"`` or ``"webp"``."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """A table; numbers have six digits, and a value that a row lacks stays empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
    return text.getvalue()


def write_reports(folder: Path, contents: Mapping[str, Callable[[], str | Iterable[str]]]) -> list[Path]:
    """Write files, each whole or not at all, one after the other: numbers are on disk before pictures are tried.

    Args:
        folder: made if it does not exist.
        contents: for each name of a file what gives its text, or pieces of it.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_text(folder / name, content())
    return [folder / name for name in contents]


def now() -> str:
    """The time, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
