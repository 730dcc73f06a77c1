"""What a shell completes: names from their registries, read without torch and MONAI."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from monai_mobileunet.bundle.network_format import class_names_of
from monai_mobileunet.shipped import shipped_bundles

__all__ = ["complete_bundle", "complete_class", "complete_from"]


def complete_from(names: Iterable[str]) -> Callable[[str], list[str]]:
    """A completion by names that are known."""
    known = tuple(names)

    def complete(incomplete: str) -> list[str]:
        return [name for name in known if name.startswith(incomplete)]

    return complete


def complete_bundle(incomplete: str) -> list[str]:
    """The bundles that come with the package; where none fits the shell completes files, for it may be a folder."""
    return complete_from(shipped_bundles())(incomplete)


def complete_class(ctx: typer.Context, incomplete: str) -> list[str]:
    """Classes of the bundle that the command line names."""
    bundle = ctx.params.get("bundle")
    if bundle is None:
        return []
    metadata = shipped_bundles().get(str(bundle), Path(bundle)) / "configs" / "metadata.json"
    try:
        names = class_names_of(json.loads(metadata.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):  # where nothing names them nothing can be completed
        return []
    return complete_from(names)(incomplete)
