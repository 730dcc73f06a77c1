"""Find the cases of a training set: pairs of image and label by name, and splits that keep subjects together.

Pure but for directory listings and ``dataset.json``; :mod:`monai_mobileunet.data.checks` opens the images.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

from monai.data import load_decathlon_datalist, partition_dataset

from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.formats import IMAGE_SUFFIXES, case_name

__all__ = [
    "Case",
    "by_case_name",
    "find_all_cases",
    "find_cases",
    "find_class_names",
    "find_parts",
    "is_training_set",
    "split_cases",
]

FOLDER_PAIRS = (("imagesTr", "labelsTr"), ("images", "labels"))

Case = dict[str, str]
"""``{"image": path, "label": path}``, as MONAI's datasets and MONAI Label take it."""

SubjectOf = Callable[[str], Hashable]
"""The subject that a case belongs to, by the case's name."""


def find_cases(dataset_dir: str | Path, section: str = "training") -> list[Case]:
    """Pairs of image and label of a data set, sorted by name.

    Two layouts: a Medical Segmentation Decathlon folder, whose ``dataset.json`` lists the pairs; or two folders
    of files that have the same names, ``imagesTr`` and ``labelsTr`` or ``images`` and ``labels`` (the channel
    suffix ``_0000`` of nnU-Net is understood). Pairs are made by name, never by position in a sorted list.

    Args:
        dataset_dir: the folder.
        section: the list in ``dataset.json``.

    Raises:
        DataError: no such folder, no cases, a listed file that does not exist, or an image without label or
            label without image; each is named.
    """
    root = Path(dataset_dir)
    if not root.is_dir():
        raise DataError([Finding(str(root), "no such folder.", "Set --dataset_dir to the folder of the data set.")])
    index = root / "dataset.json"
    cases = _listed(index, section) if section in _sections(root) else _paired(root)
    if not cases:
        raise DataError(
            [Finding(str(index), f"its list {section!r} is empty.", "List pairs of 'image' and 'label' there.")]
        )
    return sorted(cases, key=lambda case: case_name(case["image"]))


def is_training_set(folder: Path) -> bool:
    """Whether a folder is one that :func:`find_cases` finds pairs in."""
    pairs = any(all((folder / name).is_dir() for name in pair) for pair in FOLDER_PAIRS)
    return pairs or "training" in _sections(folder)


def _sections(root: Path) -> set[str]:
    """Lists that the folder's ``dataset.json`` has; nnU-Net's has none."""
    return {key for key, value in _description(root / "dataset.json").items() if isinstance(value, list)}


def _description(index: Path) -> dict[str, Any]:
    """Content of a ``dataset.json``; empty where there is none."""
    if not index.is_file():
        return {}
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataError([Finding(str(index), f"is not valid JSON ({error}).", "Mend it.")]) from error
    return content if isinstance(content, dict) else {}


def find_all_cases(dataset_dir: str | Path) -> list[Case]:
    """The cases of a data set whatever they are for: its ``training`` and its ``validation`` list.

    Raises:
        DataError: as :func:`find_cases`.
    """
    validation = find_cases(dataset_dir, "validation") if "validation" in _sections(Path(dataset_dir)) else []
    return find_cases(dataset_dir) + validation


def find_class_names(dataset_dir: str | Path) -> tuple[str, ...]:
    """Names of the classes from 1 on, from ``labels`` in a ``dataset.json``.

    The Decathlon writes ``{"1": "liver"}``, nnU-Net ``{"liver": 1}``; both are understood.

    Raises:
        DataError: no such file, or no names in it.
    """
    index = Path(dataset_dir) / "dataset.json"
    labels = _description(index).get("labels")
    names = {}
    for key, value in (labels if isinstance(labels, dict) else {}).items():
        number, name = (key, value) if str(key).isdigit() else (value, key)
        if isinstance(number, (str, int)) and int(number) > 0:
            names[int(number)] = str(name)
    if not names or sorted(names) != list(range(1, len(names) + 1)):
        problem = "names no classes 1, 2, … in 'labels'." if index.is_file() else "no such file."
        raise DataError([Finding(str(index), problem, "Name the classes one by one.")])
    return tuple(names[number] for number in sorted(names))


def find_parts(
    dataset_dir: str | Path, fold: int, folds: int, subject_of: SubjectOf | None = None, seed: int = 0
) -> dict[str, list[Case]]:
    """The cases of a data set by part: ``"all"``, ``"training"`` and ``"validation"``.

    A ``validation`` list in ``dataset.json`` is taken as it is; without one, :func:`split_cases` deals.

    Raises:
        DataError: as :func:`find_cases`.
        ValueError: as :func:`split_cases`.
    """
    training = find_cases(dataset_dir)
    if "validation" in _sections(Path(dataset_dir)):
        validation = find_cases(dataset_dir, "validation")
        return {"all": training + validation, "training": training, "validation": validation}
    parts = split_cases(training, fold, folds, subject_of, seed)
    return {"all": training, "training": parts[0], "validation": parts[1]}


def _listed(index: Path, section: str) -> list[Case]:
    cases, findings = [], []
    for entry in load_decathlon_datalist(index, is_segmentation=True, data_list_key=section):
        for key in ("image", "label"):
            if key not in entry:
                findings.append(Finding(str(index), f"an entry of {section!r} has no {key!r}: {entry}.", "Add it."))
            elif not isinstance(entry[key], str):
                findings.append(Finding(str(index), f"{key!r} of an entry is {entry[key]!r}.", "Give one file."))
            elif not Path(entry[key]).is_file():
                findings.append(Finding(entry[key], f"listed in {index.name}, but missing.", "Restore or unlist it."))
        cases.append({key: str(entry.get(key)) for key in ("image", "label")})
    if findings:
        raise DataError(findings)
    return cases


def _paired(root: Path) -> list[Case]:
    folders = next((pair for pair in FOLDER_PAIRS if all((root / name).is_dir() for name in pair)), None)
    if folders is None:
        raise DataError(
            [
                Finding(
                    str(root),
                    "found neither a dataset.json with a 'training' list nor two folders imagesTr and labelsTr "
                    "(or images and labels).",
                    f"It holds: {', '.join(sorted(p.name for p in root.iterdir())[:10]) or 'nothing'}.",
                )
            ]
        )
    images, labels = (_by_name(root / name) for name in folders)
    if not images and not labels:
        raise DataError(
            [Finding(str(root / folders[0]), "no images.", f"Expected files ending in {', '.join(IMAGE_SUFFIXES)}.")]
        )
    images = {_without_channel(name, labels): path for name, path in images.items()}
    findings = [
        Finding(str(images[name]), "image without a label.", f"Add {folders[1]}/{name}.nii.gz or move the image away.")
        for name in images.keys() - labels.keys()
    ] + [
        Finding(str(labels[name]), "label without an image.", f"Add {folders[0]}/{name}.nii.gz or move the label away.")
        for name in labels.keys() - images.keys()
    ]
    if findings:
        raise DataError(sorted(findings, key=lambda finding: finding.path))
    return [{"image": str(images[name]), "label": str(labels[name])} for name in images]


def _by_name(folder: Path) -> dict[str, Path]:
    # the archives of the Decathlon carry macOS companions, "._name.nii.gz", that are no images
    visible = (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    return by_case_name(path for path in visible if path.name.lower().endswith(IMAGE_SUFFIXES))


def by_case_name(files: Iterable[Path]) -> dict[str, Path]:
    """Files by the names of their cases.

    Raises:
        DataError: two files of one name.
    """
    found: dict[str, Path] = {}
    for path in files:
        other = found.setdefault(case_name(path), path)
        if other != path:
            raise DataError([Finding(str(path), f"has the same case name as {other}.", "Rename or remove one.")])
    return found


def _without_channel(name: str, labels: dict[str, Path]) -> str:
    stem = name.removesuffix("_0000")
    return stem if name not in labels and stem in labels else name


def split_cases(
    cases: Sequence[Case],
    fold: int,
    folds: int,
    subject_of: SubjectOf | None = None,
    seed: int = 0,
) -> tuple[list[Case], list[Case]]:
    """Split into training and validation; all cases of a subject stay on one side.

    Args:
        cases: the cases.
        fold: which part validates, from 0 to ``folds - 1``.
        folds: into how many parts the subjects are dealt.
        subject_of: subject of a case by its name; ``None``: every case is a subject of its own.
        seed: of the shuffle before dealing.

    Returns:
        The cases to train on, and those to validate on.

    Raises:
        ValueError: a fold that does not exist, or more folds than subjects.
    """
    if folds < 2 or not 0 <= fold < folds:
        raise ValueError(f"fold is {fold} of {folds}; expected at least 2 folds and a fold from 0 to folds - 1.")
    subjects = [subject_of(case_name(case["image"])) if subject_of else case["image"] for case in cases]
    unique = list(dict.fromkeys(subjects))
    if len(unique) < folds:
        raise ValueError(f"{len(unique)} subjects cannot be dealt into {folds} folds; choose at most {len(unique)}.")
    held_back = set(partition_dataset(unique, num_partitions=folds, shuffle=True, seed=seed)[fold])
    training = [case for case, subject in zip(cases, subjects, strict=True) if subject not in held_back]
    validation = [case for case, subject in zip(cases, subjects, strict=True) if subject in held_back]
    return training, validation
