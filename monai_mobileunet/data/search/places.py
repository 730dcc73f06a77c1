"""Where the mask of each image goes, so that none takes the place of another mask or of an image."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.names import case_name, image_suffix, is_picture, without_suffix
from monai_mobileunet.data.walking import STATE
from monai_mobileunet.data.writing import fitting_name, mask_suffix
from monai_mobileunet.output_form import DEFAULT_FORM, OutputForm

__all__ = [
    "REPLACED",
    "STATE",
    "FoundImage",
    "as_nifti",
    "mask_name",
    "place_masks",
    "refuse_shared_places",
    "set_aside",
]

REPLACED = "replaced"


@dataclass(frozen=True)
class FoundImage:
    """Images of a case, and the path that its mask has in the output folder.

    Attributes:
        images: a file, a folder with a DICOM series or a file of one; or one for each channel.
        mask: relative.
    """

    images: tuple[Path, ...]
    mask: Path


def mask_name(image: Path) -> str:
    """The image's own name where masks can have its format, and otherwise a NIfTI file's."""
    name = image.stem if not image_suffix(image) and image.is_file() else case_name(image)
    return f"{name}{mask_suffix(image)}"


def as_nifti(found: Sequence[FoundImage]) -> list[FoundImage]:
    """The same with NIfTI masks but of pictures; where two would be one file, each keeps the format of its image."""
    nifti = [item.mask if is_picture(item.mask) else Path(f"{without_suffix(item.mask)}.nii.gz") for item in found]
    counts = Counter(nifti)
    return [replace(item, mask=mask) if counts[mask] == 1 else item for item, mask in zip(found, nifti, strict=True)]


def place_masks(
    found: Sequence[FoundImage], output: Path, parts: Sequence[str] = (), form: OutputForm = DEFAULT_FORM
) -> list[tuple[Path, ...]]:
    """The files of each case's mask, those of 3D Slicer and of DICOM last.

    Args:
        found: the cases.
        output: folder of the masks.
        parts: names of the files of single classes, in a folder that is named as the mask would be; without any, one
            mask.
        form: which kinds of files are written.

    Raises:
        DataError: two cases with one mask, or a mask that would take the place of an image; each is named.
    """
    placed = []
    for item in found:
        suffix = image_suffix(item.mask) if is_picture(item.mask) else ".nii.gz"
        split = tuple(output / without_suffix(item.mask) / f"{part}{suffix}" for part in parts)
        masks = (split or (output / _fitting(item.mask),)) if form.masks else ()
        stem = output / without_suffix(item.mask)
        objects = (stem.with_name(fitting_name(stem.name, end)) for end in form.suffixes)
        placed.append((*masks, *objects))
    refuse_shared_places(found, placed)
    return placed


def refuse_shared_places(found: Sequence[FoundImage], placed: Sequence[Sequence[Path]]) -> None:
    """Refuse masks that would take each other's place, or that of an image.

    Args:
        found: the cases.
        placed: the files of each case's mask.

    Raises:
        DataError: there are such masks; each is named.
    """
    inputs = {os.path.realpath(image) for item in found for image in item.images}
    owners: dict[Path, Path] = {}
    problems = []
    for item, outputs in zip(found, placed, strict=True):
        for place in outputs:
            other = owners.setdefault(place, item.images[0])
            if other is not item.images[0]:
                remedy = "Rename one, or give the cases names in a list.json."
                problems.append(Finding(str(item.images[0]), f"would have the same mask as {other}: {place}.", remedy))
            elif os.path.realpath(place) in inputs:
                problems.append(
                    Finding(str(place), "the mask would take the place of an image.", "Name another folder.")
                )
    if problems:
        raise DataError(problems)


def _fitting(mask: Path) -> Path:
    return mask.with_name(fitting_name(case_name(mask), image_suffix(mask)))


def set_aside(mask: Path, output: Path, state: Path | None = None) -> None:
    """Move a mask of an earlier image or model away, so that nobody takes it for this one's; none is no error.

    Raises:
        OSError: it cannot be moved.
    """
    if mask.is_file():
        place = (state or output / STATE) / REPLACED / mask.relative_to(output)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(mask, place)
