"""The app folder that MONAI Label starts from: a main.py, and the bundles as its models."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from monai_mobileunet.data.files import write_text
from monai_mobileunet.shipped import is_installed

__all__ = ["prepare_app"]

SOURCE = ".copy_of"
"""File in a copy that says where it came from."""

MAIN = '''"""MONAI Label looks for its app in this file. Not a medical device; not for diagnostic use."""

from monai_mobileunet.labelling.served.app import MobileUNetApp

__all__ = ["MobileUNetApp"]
'''


def prepare_app(folder: Path, bundles: Sequence[Path], copy: bool = False) -> list[Path]:
    """Write the app, and put bundles into it; links of an earlier start are taken out.

    Args:
        folder: of the app, made if missing.
        bundles: folders of trained bundles.
        copy: put copies into the app, which trainings on the server change in place of the bundles; of a bundle that
            lies in an installed package always. A copy that is there is kept as it is, with what it was taught.

    Returns:
        The bundles as the app has them.

    Raises:
        FileNotFoundError: a bundle without weights.
        FileExistsError: the folder is another app's, has a folder in the place of a link, or another bundle's copy.
        ValueError: two bundles of one name, a name that MONAI Label takes for another kind of task, or an app in a
            bundle.
    """
    bundles = [bundle.resolve() for bundle in bundles]
    _check_bundles(folder, bundles)
    main, models = folder / "main.py", folder / "model"
    if main.is_file() and "monai_mobileunet.labelling" not in main.read_text(encoding="utf-8"):
        raise FileExistsError(f"{main}: is the app of someone else. Name another folder with --app.")
    models.mkdir(parents=True, exist_ok=True)
    write_text(main, MAIN)
    for path in models.iterdir():
        if path.is_symlink():
            path.unlink()
    return [(_copy if copy or is_installed(bundle) else _link)(bundle, models / bundle.name) for bundle in bundles]


def _check_bundles(folder: Path, bundles: Sequence[Path]) -> None:
    names = [bundle.name for bundle in bundles]
    for bundle in bundles:
        if not (bundle / "models" / "model.pt").is_file():
            raise FileNotFoundError(f"{bundle}: has no models/model.pt. A server needs weights: train it first.")
        if "detection" in bundle.name.lower() or "," in bundle.name:
            problem = "MONAI Label takes a name with 'detection' for boxes, and a comma for two names"
            raise ValueError(f"{bundle}: {problem}. Rename the folder.")
        if names.count(bundle.name) > 1:
            raise ValueError(f"{bundle.name} is the name of two bundles. Rename a folder: it is the model's name.")
        if bundle in (folder.resolve(), *folder.resolve().parents):
            raise ValueError(f"{folder}: lies in the bundle. Name another folder with --app.")


def _link(bundle: Path, place: Path) -> Path:
    if place.exists():
        raise FileExistsError(f"{place}: is a copy of a bundle. Use it with --copy, or take it away.")
    try:
        place.symlink_to(bundle, target_is_directory=True)
    except OSError as error:  # Windows asks for a privilege
        raise OSError(f"{place}: cannot be linked to {bundle} ({error}). Use --copy.") from error
    return place


def _copy(bundle: Path, place: Path) -> Path:
    source = place / SOURCE
    if place.exists():
        known = source.read_text(encoding="utf-8") if source.is_file() else "something else"
        if known != str(bundle):
            raise FileExistsError(f"{place}: is a copy of {known}, not of {bundle}. Name another folder with --app.")
        return place
    temporary = place.with_name(f".{place.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(bundle, temporary, ignore=shutil.ignore_patterns("eval"))
    (temporary / SOURCE).write_text(str(bundle), encoding="utf-8")
    os.replace(temporary, place)
    return place
