"""The app folder that MONAI Label starts from: a main.py, and the bundles as its models."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

__all__ = ["IMAGES", "check_studies", "prepare_app"]

IMAGES = ("*.nii.gz", "*.nii", "*.nrrd", "*.mha")
"""What MONAI Label is told to look for."""

MAIN = '''"""MONAI Label looks for its app in this file. Not a medical device; not for diagnostic use."""

from monai_mobileunet.labelling.app import MobileUNetApp

__all__ = ["MobileUNetApp"]
'''


def prepare_app(folder: Path, bundles: Sequence[Path], copy: bool = False) -> list[Path]:
    """Write the app, and put bundles into it; links to other bundles are taken out.

    Args:
        folder: of the app, made if missing.
        bundles: folders of trained bundles.
        copy: put copies into the app, which trainings on the server change in place of the bundles. A copy that is
            there is kept as it is.

    Returns:
        The bundles as the app has them.

    Raises:
        FileNotFoundError: a bundle without weights.
        FileExistsError: the folder is another app's, or has a folder in the place of a link.
        ValueError: two bundles of one name, or a name that MONAI Label takes for another kind of task.
    """
    names = [bundle.resolve().name for bundle in bundles]
    for bundle, name in zip(bundles, names, strict=True):
        if not (bundle / "models" / "model.pt").is_file():
            raise FileNotFoundError(f"{bundle}: has no models/model.pt. A server needs weights: train it first.")
        if "detection" in name.lower():
            raise ValueError(f"{bundle}: MONAI Label takes a name with 'detection' for boxes. Rename the folder.")
        if names.count(name) > 1:
            raise ValueError(f"{name} is the name of two bundles. Rename a folder: it is the name of the model.")
    main, models = folder / "main.py", folder / "model"
    if main.is_file() and main.read_text(encoding="utf-8") != MAIN:
        raise FileExistsError(f"{main}: is the app of someone else. Name another folder with --app.")
    models.mkdir(parents=True, exist_ok=True)
    temporary = folder / ".main.py"
    temporary.write_text(MAIN, encoding="utf-8")
    os.replace(temporary, main)
    for path in models.iterdir():
        if path.is_symlink():
            path.unlink()
    return [_put(bundle.resolve(), models / name, copy) for bundle, name in zip(bundles, names, strict=True)]


def _put(bundle: Path, place: Path, copy: bool) -> Path:
    if copy and not place.exists():
        temporary = place.with_name(f".{place.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(bundle, temporary, ignore=shutil.ignore_patterns("eval"))
        os.replace(temporary, place)
    elif not copy and place.exists():
        raise FileExistsError(f"{place}: is a copy of a bundle. Use it with --copy, or take it away.")
    elif not copy:
        place.symlink_to(bundle, target_is_directory=True)
    return place


def check_studies(given: str) -> str:
    """What MONAI Label takes for the place of the images.

    Args:
        given: a folder, or the address of a DICOMweb service.

    Returns:
        The folder's absolute path, or the address as it is.

    Raises:
        FileNotFoundError: no such folder, or no image where MONAI Label would look for it.
    """
    if given.startswith(("http://", "https://")):
        return given
    folder, kinds = Path(given), ", ".join(IMAGES)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder. Name a folder of images with --studies.")
    if any(path for pattern in IMAGES for path in folder.glob(pattern)):
        return str(folder.resolve())
    deeper = next((path for pattern in IMAGES for path in sorted(folder.glob(f"*/**/{pattern}"))), None)
    if deeper is not None:
        inner = deeper.parent.relative_to(folder)
        raise FileNotFoundError(
            f"{folder}: MONAI Label does not look into its folders, such as {inner}. Name that one."
        )
    remedy = "Name a folder with images, or for DICOM the address of a DICOMweb service."
    raise FileNotFoundError(f"{folder}: holds no image ({kinds}). {remedy}")
