"""Where the images of a server lie: a folder that MONAI Label would look into, or a DICOMweb service that answers."""

from __future__ import annotations

from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from monai_mobileunet.data.names import case_name, is_picture
from monai_mobileunet.wording import counted

__all__ = ["IMAGES", "check_studies"]

IMAGES = ("*.nii.gz", "*.nii", "*.nrrd", "*.mha")
"""What MONAI Label looks for."""

PATIENCE = 10.0
"""Seconds that a DICOMweb service may take to answer."""

LOCKED = (401, 403)
"""Answers of a service that asks for a password, which MONAI Label has from its own settings."""


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
            f"{folder}: holds {counted(len(pictures), 'picture')} such as {pictures[0].name}; "
            f"{problem}. Save them as .nii.gz: "
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
