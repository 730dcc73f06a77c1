"""The app folder that MONAI Label starts from: a main.py, and the bundles as its models."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from monai_mobileunet.data.files import write_text
from monai_mobileunet.data.names import case_name, is_picture
from monai_mobileunet.shipped import is_installed

__all__ = ["IMAGES", "check_studies", "prepare_app"]

IMAGES = ("*.nii.gz", "*.nii", "*.nrrd", "*.mha")
"""What MONAI Label looks for."""

PATIENCE = 10.0
"""Seconds that a DICOMweb service may take to answer."""

LOCKED = (401, 403)
"""Answers of a service that asks for a password, which MONAI Label has from its own settings."""

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


def check_studies(given: str) -> str:
    """What MONAI Label takes for the place of the images.

    Args:
        given: a folder, or the address of a DICOMweb service.

    Returns:
        The folder's absolute path, or the address as it is.

    Raises:
        FileNotFoundError: no such folder, or no image where MONAI Label would look for it.
        ValueError: two images of one name.
        ConnectionError: the address is not that of a DICOMweb service, or nobody answers there.
    """
    if given.startswith(("http://", "https://")):
        _check_service(given)
        return given
    folder, kinds = Path(given), ", ".join(IMAGES)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder. Name a folder of images with --studies.")
    found = sorted(path for pattern in IMAGES for path in folder.glob(pattern))
    if found:
        names: dict[str, Path] = {}
        for path in found:
            other = names.setdefault(case_name(path), path)
            if other != path:
                raise ValueError(f"{other} and {path} are one image to MONAI Label: {case_name(path)}. Rename one.")
        return str(folder.resolve())
    deeper = next((path for pattern in IMAGES for path in sorted(folder.glob(f"*/**/{pattern}"))), None)
    if deeper is not None:
        inner = deeper.parent.relative_to(folder)
        raise FileNotFoundError(
            f"{folder}: MONAI Label does not look into its folders, such as {inner}. Name that one."
        )
    if pictures := [path for path in sorted(folder.iterdir()) if is_picture(path)]:
        problem = "MONAI Label's viewers draw on volumes, and it would take a picture for no image"
        remedy = 'python -c "import SimpleITK as s, sys; s.WriteImage(s.ReadImage(sys.argv[1]), sys.argv[2])"'
        raise FileNotFoundError(
            f"{folder}: holds {len(pictures)} pictures such as {pictures[0].name}; {problem}. Save them as .nii.gz: "
            f"{remedy} {pictures[0].name} {case_name(pictures[0])}.nii.gz"
        )
    remedy = "Name a folder with images, or for DICOM the address of a DICOMweb service."
    raise FileNotFoundError(f"{folder}: holds no image ({kinds}). {remedy}")


def _check_service(address: str) -> None:
    """Ask a DICOMweb service for one study: MONAI Label itself asks for most of a minute, and ends in a traceback.

    Raises:
        ConnectionError: see :func:`check_studies`.
    """
    request = Request(f"{address.rstrip('/')}/studies?limit=1", headers={"Accept": "application/dicom+json"})
    remedy = "Name the root of a DICOMweb service with --studies, as http://127.0.0.1:8042/dicom-web for Orthanc."
    try:
        with urlopen(request, timeout=PATIENCE) as answer:
            kind = answer.headers.get_content_type()
            if answer.status == 204 or kind.endswith("json"):
                return
    except HTTPError as error:
        if error.code in LOCKED:
            return
        raise ConnectionError(
            f"{address}: answers a search for studies with {error.code} {error.reason}. {remedy}"
        ) from error
    except (OSError, HTTPException, ValueError) as error:  # the last of an address that is none
        reason = getattr(error, "reason", error)
        raise ConnectionError(f"{address}: cannot be reached ({reason}). Start the server there. {remedy}") from error
    raise ConnectionError(f"{address}: answers a search for studies with {kind}, expected DICOM as JSON. {remedy}")
