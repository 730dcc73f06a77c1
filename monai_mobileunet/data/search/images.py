"""Find the images to segment."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai_mobileunet.data.dicom import is_dicom, series_in
from monai_mobileunet.data.dicom.segments.structures import is_structures
from monai_mobileunet.data.errors import Finding, ending_program, list_some, refusal, warning
from monai_mobileunet.data.names import (
    IMAGE_SUFFIXES,
    PICTURE_SUFFIXES,
    case_name,
    image_suffix,
    is_picture,
    split_channel,
)
from monai_mobileunet.data.search.places import FoundImage, as_nifti, mask_name, place_masks
from monai_mobileunet.data.search.roles import DatasetIndex, group_channels, is_label_folder, labels_beside
from monai_mobileunet.data.walking import STATE, walk_folders

__all__ = ["ImageSearch", "find_images", "search_images"]

DICOM_INDEX = "DICOMDIR"
LABELS, EARLIER = "labels", "masks of an earlier run"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageSearch:
    """What a folder holds.

    Attributes:
        found: the cases, sorted by the paths of their masks.
        passed_over: how many files are no images, or pictures beside volumes, by suffix.
        left_out: what images are there and are not to be segmented, and why, in words.
        unreadable: folders that could not be searched.
        warnings: what else the reader must know: links that lead nowhere, names that can be understood in two ways.
    """

    found: tuple[FoundImage, ...]
    passed_over: tuple[tuple[str, int], ...] = ()
    left_out: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()


def search_images(root: Path, output: Path | None = None, include_masks: bool = False) -> ImageSearch:
    """All images in a folder and below it, and all DICOM series.

    - Linked folders and files are followed, each folder is searched once, under its own path where it has one here.
      A link with the name of an image that leads nowhere is a case, which fails when it is read.
    - Hidden files and folders, the output, and outputs of earlier runs are passed over.
    - So are labels: files that a ``dataset.json`` lists as such, folders as ``labelsTr`` beside ``imagesTr``, and files
      as ``a_seg.nii.gz`` beside ``a.nii.gz``. The folder itself that was asked for may have any name.
    - Pictures (PNG, TIFF, JPEG) are images only where there is no volume to segment: beside volumes they are previews.
    - Files that nnU-Net numbers as channels are one case; see :func:`.roles.group_channels`.

    Masks lie as the images do and have their names; that of a DICOM series is named after its folder, or the folder of
    its slices' folders, and numbered where a folder has several.

    Args:
        root: the folder.
        output: folder of the masks; it need not exist.
        include_masks: every image file is wanted, one by one: labels and the masks of earlier runs too.

    Raises:
        DataError: no such folder, or no image in it.
    """
    if not root.is_dir():
        problem = "is a file." if root.exists() else "no such folder."
        raise refusal(root, problem, f"Name a folder of {', '.join(IMAGE_SUFFIXES)} or DICOM files.")
    walk = _Walk(root, output, include_masks)
    found = sorted(walk.images(), key=lambda item: item.mask)
    if not found and walk.passed_over.keys() & set(PICTURE_SUFFIXES):
        walk = _Walk(root, output, include_masks, pictures=True)
        found = sorted(walk.images(), key=lambda item: item.mask)
    left_out = tuple(
        f"{kind} ({list_some(sorted(paths), 1, ' and {:,} more')})" for kind, paths in sorted(walk.left_out.items())
    )
    passed_over = tuple(sorted(walk.passed_over.items()))
    if not found:
        seen = ", ".join(f"{count} {suffix or 'others'}" for suffix, count in walk.passed_over.most_common(8))
        problem = f"no images in it (found: {seen})." if seen else "no images in it."
        problem = " ".join([problem, *(f"It holds {text}." for text in left_out)])
        raise refusal(root, problem, f"Expected {', '.join(IMAGE_SUFFIXES)} or DICOM series.")
    return ImageSearch(tuple(found), passed_over, left_out, tuple(walk.unreadable), tuple(walk.warnings))


def find_images(
    folder: str | Path,
    exit_on_error: bool = False,
    output_dir: str | Path | None = None,
    include_masks: bool = False,
) -> list[dict[str, Any]]:
    """The images in a folder as MONAI's datasets take them; see :func:`search_images` for what is found.

    Args:
        folder: the folder.
        exit_on_error: as for :func:`monai_mobileunet.data.load_cases`.
        output_dir: folder of the masks, which is not searched. With it, each case has a place for its mask: a NIfTI
            file named as the image, or, of pictures and where two images would share it, a file of its own format.
        include_masks: labels and masks of earlier runs are wanted as well.

    Returns:
        For each case, sorted by path, ``"image"``: the path, or paths of one for each channel; with ``output_dir``
        also ``"mask"``: the path that its mask is to have.

    Raises:
        DataError: no such folder, no image in it, two cases with one mask, or a mask in the place of an image; with
            ``exit_on_error`` :class:`SystemExit`.
    """
    root, output = Path(folder), None if output_dir is None else Path(output_dir)
    with ending_program(exit_on_error):
        search = search_images(root, output, include_masks)
        found = list(search.found) if output is None else as_nifti(search.found)
        places: list[tuple[Path, ...]] = [()] * len(found) if output is None else place_masks(found, output)
        if output is not None:
            refuse_same_folder(root, output)
    for text in search.left_out:
        logger.info("%s: passed over: %s", root, text)
    for path in search.unreadable:
        logger.warning("%s: cannot be searched, its images are left out.", path)
    for finding in search.warnings:
        logger.warning("%s", finding)
    cases = []
    for item, place in zip(found, places, strict=True):
        images = [str(path) for path in item.images]
        image = images[0] if len(images) == 1 else images
        cases.append({"image": image, "mask": str(place[0])} if place else {"image": image})
    return sorted(cases, key=lambda case: case["image"] if isinstance(case["image"], str) else case["image"][0])


def refuse_same_folder(root: Path, output: Path) -> None:
    """Masks among the images would be the next run's images.

    Raises:
        DataError: the folders are one.
    """
    if os.path.realpath(root) == os.path.realpath(output):
        problem = "is the folder of the images; the next run would take the masks in it for images."
        raise refusal(output, problem, "Name another folder for the masks, it may lie inside.")


@dataclass
class _Walk:
    """One pass over a folder, and what it came by."""

    root: Path
    output: Path | None
    include_masks: bool
    pictures: bool = False
    passed_over: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    with_dicom: list[Path] = field(default_factory=list)

    def images(self) -> Iterator[FoundImage]:
        """The cases of all folders."""
        for here, folders, files in walk_folders(self.root, self.unreadable):
            yield from self._of_folder(here, files)
            folders[:] = self._searched(folders, [path for path in files if self._is_image(path)])
        yield from self._series()

    def _is_image(self, path: Path) -> bool:
        return bool(image_suffix(path)) and (self.pictures or not is_picture(path))

    def _searched(self, subfolders: Sequence[Path], images: Sequence[Path]) -> Iterator[Path]:
        """The folders in which images are looked for."""
        names = [path.name for path in subfolders]
        for path in subfolders:
            if self._is_output(path):
                continue
            if not self.include_masks and (path / STATE).is_dir():
                self._leave_out(EARLIER, path)
            elif not self.include_masks and is_label_folder(path.name, names, images):
                self._leave_out(LABELS, path)
            else:
                yield path

    def _is_output(self, folder: Path) -> bool:
        """Whether a folder is the output or lies in it; an output around all that is searched is no reason."""
        if self.output is None:
            return False
        output, place, root = (Path(os.path.realpath(path)) for path in (self.output, folder, self.root))
        return place.is_relative_to(output) and not root.is_relative_to(output)

    def _leave_out(self, kind: str, path: Path) -> None:
        self.left_out.setdefault(kind, []).append(path.relative_to(self.root).as_posix())

    def _of_folder(self, here: Path, files: Sequence[Path]) -> Iterator[FoundImage]:
        images = [path for path in files if self._is_image(path)]
        others = [path for path in files if not self._is_image(path)]
        cases = [(path,) for path in images] if self.include_masks else self._cases(here, images)
        for case in cases:
            name = mask_name(case[0])
            if len(case) > 1:
                name = split_channel(case_name(name))[0] + image_suffix(name)
            yield FoundImage(case, case[0].relative_to(self.root).with_name(name))
        dangling = [path for path in others if path.is_symlink() and not os.path.exists(path)]
        for path in dangling:
            problem = f"is a link to {os.readlink(path)}, which does not exist; images that it led to are left out."
            self.warnings.append(warning(path, problem, "Restore what it leads to."))
        if any(is_dicom(path) for path in others if path.name.upper() != DICOM_INDEX):
            self.with_dicom.append(here)
        else:
            rest = [path for path in others if path not in dangling]
            self.passed_over.update(path.suffix.lower() if path.suffix[1:].isalpha() else "" for path in rest)

    def _series(self) -> Iterator[FoundImage]:
        """The DICOM series of all folders: each named after its folder, and numbered where there are several."""
        series = series_in(self.with_dicom)
        homes, numbers = Counter(found.home for found in series), Counter[Path]()
        for found in series:
            place = found.home.relative_to(self.root)
            base = place if place.name else Path(found.home.resolve().name)
            numbers[found.home] += 1
            name = base.name if homes[found.home] == 1 else f"{base.name}_series_{numbers[found.home]:03d}"
            yield FoundImage((found.source,), base.with_name(f"{name}.nii.gz"))
        for folder in self.with_dicom:
            if not homes.keys() & {folder, *folder.parents} and not all(
                map(is_structures, filter(is_dicom, folder.iterdir()))
            ):
                problem = "holds DICOM files, but no series with images."
                self.warnings.append(warning(folder, problem, "Export the series again."))

    def _cases(self, here: Path, images: Sequence[Path]) -> list[tuple[Path, ...]]:
        """The images of a folder without its labels, channels put together."""
        index, above = DatasetIndex.of(here), DatasetIndex.of(here.parent)
        self.labels |= index.labels
        listed = {path for path in images if os.path.abspath(path) in self.labels}
        labels = listed | labels_beside([path for path in images if path not in listed])
        for path in labels:
            self._leave_out(LABELS, path)
        # where the images lie in imagesTr, their labels have the names of the cases in labelsTr
        beside = here.with_name(here.name.replace("images", "labels"))
        in_folder = next(walk_folders(beside), (beside, [], []))[2] if beside != here else []
        labelled = {case_name(path) for path in (*in_folder, *labels, *map(Path, index.labels | above.labels))}
        rest = [path for path in images if path not in labels]
        cases, warnings = group_channels(rest, index.channels or above.channels, labelled)
        self.warnings += warnings
        return cases
