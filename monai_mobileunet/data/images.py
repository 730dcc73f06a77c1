"""Find the images to segment."""

from __future__ import annotations

from pathlib import Path

from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.formats import IMAGE_SUFFIXES, image_suffix

__all__ = ["find_images"]


def find_images(folder: str | Path, exit_on_error: bool = False) -> list[dict[str, str]]:
    """All images in a folder and the folders below it, sorted by path; hidden files are passed over.

    Args:
        folder: the folder.
        exit_on_error: as for :func:`monai_mobileunet.data.load_cases`.

    Returns:
        ``{"image": path}`` for each.

    Raises:
        DataError: no such folder, or no image in it; with ``exit_on_error`` :class:`SystemExit`.
    """
    root = Path(folder)
    images = [
        {"image": str(path)}
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and image_suffix(path)
    ]
    if images:
        return images
    problem = "no images in it." if root.is_dir() else "is a file." if root.exists() else "no such folder."
    error = DataError(
        [Finding(str(root), problem, f"Set --dataset_dir to a folder of files ending in {', '.join(IMAGE_SUFFIXES)}.")]
    )
    if exit_on_error:
        raise SystemExit(f"error: {error}")
    raise error
