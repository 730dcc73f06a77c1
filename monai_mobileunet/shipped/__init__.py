"""The bundles, fragments and web pages of the package: a wheel carries them in this folder, a checkout at its top.

What is trained, exported or corrected is written elsewhere: an installed package is no place for results.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["is_installed", "shipped_bundles", "shipped_folder"]

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]


def shipped_folder() -> Path:
    """The folder that holds ``bundles/``, ``configs/`` and ``web/``."""
    return HERE if (HERE / "bundles").is_dir() else CHECKOUT


def shipped_bundles() -> dict[str, Path]:
    """The bundles by name; none where only the code was copied."""
    folder = shipped_folder() / "bundles"
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.name: path for path in found if (path / "configs").is_dir()}


def is_installed(path: Path) -> bool:
    """Whether a bundle lies in an installed package, where it has to stay as it is."""
    return path.resolve().is_relative_to(HERE)
