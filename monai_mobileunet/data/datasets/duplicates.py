"""Cases that are listed twice, or that validate what they were trained on: by file, and by content under two names."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from isal.igzip import IGzipFile

from monai_mobileunet.data.datasets.listing import Case
from monai_mobileunet.data.datasets.naming import image_files
from monai_mobileunet.data.errors import Finding
from monai_mobileunet.data.formats.nifti_headers import UNPACKING_ERROR
from monai_mobileunet.data.names import DETACHED, image_suffix

__all__ = ["find_copies", "find_repeats"]

SAMPLE = 1 << 16
REMOVE = "Remove it from one of the two."


def find_repeats(parts: Mapping[str, Sequence[Case]], listed: bool) -> list[Finding]:
    """Cases that are in the lists of a data set more than once.

    Files are known by what they are, not by their path: links are followed. Two files of the same content are one case
    under two names; that is an error where one trains and the other validates, and otherwise a warning.

    Args:
        parts: cases by the part that they belong to; the first to name an image has it.
        listed: the parts are lists that someone wrote, not folds that were dealt from one list.
    """
    findings: list[Finding] = []
    owners: dict[Hashable, tuple[str, Path]] = {}
    labels: dict[Hashable, tuple[str, Path]] = {}
    for part, cases in parts.items():
        for case in cases:
            repeated: list[Finding] = []
            for path in image_files(case):
                this = (part, path)
                repeated += _repeated(owners.setdefault(_identity(path), this), this)
            # of channels one alone may well be alike: zeros in the place of what was not scanned
            whole = len(repeated) == len(image_files(case))
            findings += [finding if whole else replace(finding, warning=True) for finding in repeated]
            if "label" in case and not repeated:
                path = Path(case["label"])
                other, where = labels.setdefault(_identity(path), (part, path))
                if other != part:
                    problem = f"is the label of a case of {part!r} and of one of {other!r}."
                    findings.append(Finding(str(where), problem, "Keep all images of a subject on one side.", True))
    belongs: dict[Path, tuple[str, str]] = {}
    channels: dict[tuple[str, str], int] = {}
    for part, cases in parts.items():
        for case in cases:
            channels[part, str(case["image"])] = len(image_files(case))
            belongs |= dict.fromkeys(image_files(case), (part, str(case["image"])))
    copies = find_copies(belongs)
    copied = Counter(belongs[copy] for _, copy in copies)
    for path, copy in copies:
        (part, image), (here, other) = belongs[path], belongs[copy]
        problem = f"has the content of {path}" + (f", which is in {part!r}." if part != here else " too.")
        remedy = REMOVE if part != here else "Remove one: folds may put them on both sides of a split."
        if image != other:  # channels of one case may well be alike
            one_of_several = copied[here, other] < channels[here, other]
            findings.append(Finding(str(copy), problem, remedy, warning=one_of_several or part == here or not listed))
    return findings


def _repeated(owner: tuple[str, Path], this: tuple[str, Path]) -> Iterator[Finding]:
    """What is wrong with an image that another case of a list has already; its owner is itself the first time."""
    if owner is this:
        return
    (part, first), (here, path) = owner, this
    if part == here:
        also = "" if first == path else f" (as {first})"
        yield Finding(str(path), f"is listed twice in {part!r}{also}.", "Remove one of the entries.")
    else:
        problem = f"is a case of {here!r} and of {part!r}: its Dice would say nothing about new images."
        yield Finding(str(path), problem, REMOVE)


def _identity(path: Path) -> Hashable:
    try:
        state = path.stat()
    except OSError:  # what is missing is reported where the list is read
        return path
    return (state.st_dev, state.st_ino) if state.st_ino else path.resolve()


def find_copies(paths: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Files with the content of an earlier one; links to one file are no copies.

    What tells files apart at little cost is compared first, so that only copies are read to their ends.

    Args:
        paths: of images; folders, and headers whose voxels lie elsewhere, are passed over.
    """
    files: dict[Hashable, Path] = {}
    for path in paths:
        if path.is_file() and image_suffix(path).lower() not in DETACHED:
            files.setdefault(_identity(path), path)
    copies = []
    for same_size in _grouped([*files.values()], _size):
        for alike in _grouped(same_size, _sample):
            for first, *others in _grouped(alike, _digest):
                copies += [(first, other) for other in others]
    return copies


def _grouped(paths: Sequence[Path], key: Callable[[Path], Hashable]) -> list[list[Path]]:
    """The files that are alike by a key, in groups of two and more; a single file is not asked for its key."""
    groups: dict[Hashable, list[Path]] = defaultdict(list)
    for path in paths if len(paths) > 1 else ():
        try:
            groups[key(path)].append(path)
        except (OSError, EOFError, ValueError, UNPACKING_ERROR):
            continue  # what cannot be read is no copy of anything, and is reported where it is needed
    return [group for group in groups.values() if len(group) > 1]


def _size(path: Path) -> Hashable:
    """The size; of what is compressed that of the content with its checksum, which stand at the end of the file."""
    size = path.stat().st_size
    if not path.name.lower().endswith(".gz") or size < 18:
        return size
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        return file.read()


def _sample(path: Path) -> Hashable:
    """Start, middle and end of what is not compressed."""
    if path.name.lower().endswith(".gz"):
        return b""
    size, samples = path.stat().st_size, []
    with path.open("rb") as file:
        for start in (0, size // 2, max(size - SAMPLE, 0)):
            file.seek(start)
            samples.append(file.read(SAMPLE))
    return hashlib.sha256(b"".join(samples)).digest()


def _digest(path: Path) -> Hashable:
    """SHA-256 of the content, decompressed."""
    with IGzipFile(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
