"""Find the cases of a training set: pairs of image and label by name, and splits that keep subjects together.

Pure but for directory listings and ``dataset.json``; :mod:`monai_mobileunet.data.datasets.checks` opens the images.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_mobileunet.data.bids_names import DERIVATIVES
from monai_mobileunet.data.datasets.bids import find_made_by_runs, find_segmentations, pair_in_bids
from monai_mobileunet.data.datasets.described import find_class_names
from monai_mobileunet.data.datasets.folds import SubjectOf, choose_fold, dealt_folds, written_folds
from monai_mobileunet.data.datasets.labels import LABELLED, refuse_unknown_labels
from monai_mobileunet.data.datasets.layouts import FOLDER_PAIRS, folder_pair, pair_by_folder, pair_by_name
from monai_mobileunet.data.datasets.listing import INDEX, Case, home_of, index_of, list_cases, read_description
from monai_mobileunet.data.datasets.naming import image_files, name_cases, name_of
from monai_mobileunet.data.datasets.structures import has_structures
from monai_mobileunet.data.errors import DataError, Finding, list_some, refusal
from monai_mobileunet.data.walking import walk_images

__all__ = [
    "Case",
    "describe_layout",
    "find_all_cases",
    "find_cases",
    "find_class_names",
    "find_lists",
    "find_parts",
    "is_training_set",
    "labels_alone",
    "split_cases",
]

TRAINING, VALIDATION = "training", "validation"
NAMED = "dataset"
"""What nnU-Net's ``dataset.json`` calls its cases where their files lie anywhere."""


def find_cases(dataset_dir: str | Path, section: str = TRAINING) -> list[Case]:
    """Pairs of image and label of a data set, sorted by name.

    The layouts: a ``dataset.json`` or ``list.json`` that lists the pairs, as in the Medical Segmentation Decathlon and
    in MONAI's data lists; two folders of files that have the same names, ``imagesTr`` and ``labelsTr`` or ``images``
    and ``labels`` (the channels ``_0000`` of nnU-Net are understood); BIDS with segmentations among its derivatives; or
    a folder for each patient, or one for all, with images and files whose names say that they are the labels. Pairs are
    made by name, never by position in a sorted list.

    Args:
        dataset_dir: the folder, or the list itself.
        section: the list in ``dataset.json``.

    Raises:
        DataError: no such folder, no cases, a listed file that does not exist, or an image without label or
            label without image; each is named.
    """
    root = Path(dataset_dir)
    return sorted(name_cases(_unnamed(root, section)[1], home_of(root)), key=name_of)


def describe_layout(dataset_dir: str | Path) -> str:
    """How the files of a data set lie, in words.

    Raises:
        DataError: as :func:`find_cases`.
    """
    return _unnamed(Path(dataset_dir), TRAINING)[0]


WHERE = "Name the folder of the data set; python -m monai.bundle run takes it as --dataset_dir."


def _unnamed(root: Path, section: str) -> tuple[str, list[Case]]:
    """The layout of a data set, in words, and its cases."""
    if not root.exists():
        raise refusal(root, "no such folder.", WHERE)
    if root.is_file() and root.suffix.lower() != ".json":
        raise refusal(root, "is a file.", WHERE)
    description = read_description(root)
    refuse_unknown_labels(index_of(root), description)
    if section in description:
        return f"a list of pairs in {index_of(root).name}", list_cases(root, description, section)
    if isinstance(named := description.get(NAMED), dict) and section == TRAINING:
        listed = {"images": "image", "label": "label", LABELLED: LABELLED}
        entries = [{ours: case[key] for key, ours in listed.items() if key in case} for case in named.values()]
        return f"cases named in {index_of(root).name}, as nnU-Net does", list_cases(root, {NAMED: entries}, NAMED)
    if root.is_dir():
        if folders := folder_pair(root):
            return f"{folders[0]} and {folders[1]}, paired by name", pair_by_name(root, folders)
        if cases := pair_in_bids(root):
            return "BIDS, with segmentations among its derivatives", cases
        passed_over = _passed_over(root)
        try:
            cases = pair_by_folder(root)
        except DataError as error:  # of a data set in BIDS, which has no such folders, it does not say what is amiss
            raise DataError([*passed_over, *error.findings]) from error
        if cases:
            together = len({path.parent for case in cases for path in image_files(case)}) < len(cases)
            return "images and labels together, paired by name" if together else "a folder for each patient", cases
        if passed_over:
            raise DataError(passed_over)
    raise _no_cases(root, description)


def _passed_over(root: Path) -> list[Finding]:
    """What lies among the derivatives of BIDS and is not taken for references."""
    made = [path.relative_to(root).as_posix() for path in find_made_by_runs(root)]
    problem = f"has no segmentations in {DERIVATIVES} but in {list_some(made)}, which mobileunet segment has written."
    remedy = f"Masks of a run are no references. Put yours into {DERIVATIVES}/manual, corrected ones of a run too."
    return [Finding(str(root), problem, remedy)] if made else []


def _no_cases(root: Path, description: dict[str, Any]) -> DataError:
    lists = sorted(key for key, value in description.items() if isinstance(value, list))
    others = f" (its lists are {','.join(lists)})" if lists else ""
    if root.is_file():
        return refusal(root, f"has no list 'training'{others}.", 'Write {"training": [{"image": …, "label": …}, …]}.')
    pairs = " or ".join(" and ".join(pair) for pair in FOLDER_PAIRS)
    held = ", ".join(sorted(path.name for path in root.iterdir())[:10]) or "nothing"
    problem = f"found neither a {INDEX} with a 'training' list{others}, nor two folders {pairs}, nor a folder for each "
    problem += "patient with an image and a file named as a label, nor pairs as p01 and p01_seg."
    if has_structures(root):
        remedy = f"It holds DICOM SEG or RTSTRUCT. Make labels of these: mobileunet check {root} --write NEW_FOLDER"
        return refusal(root, problem, remedy)
    example = '{"labels": {"0": "background", "1": "liver"}, "training": [{"image": "a.nii.gz", "label": "b.nii.gz"}]}'
    return refusal(root, problem, f"It holds: {held}. Write a {INDEX} there: {example}.")


def is_training_set(folder: Path) -> bool:
    """Whether :func:`find_cases` finds pairs in a folder, or in a list.

    Raises:
        DataError: its ``dataset.json`` cannot be read.
    """
    if folder_pair(folder) or find_segmentations(folder) or {TRAINING, NAMED} & read_description(folder).keys():
        return True
    try:
        return bool(pair_by_folder(folder))
    except DataError:
        return False


def labels_alone(folder: Path) -> list[Case]:
    """The files of a folder of labels without images, each its own image; none where folders below it hold others."""
    files = list(walk_images(folder))
    if any(path.parent != folder for path in files):
        return []
    return sorted(name_cases([{"image": str(path), "label": str(path)} for path in files], folder), key=name_of)


def find_lists(dataset_dir: str | Path) -> dict[str, list[Case]]:
    """The lists of a data set: ``"training"``, and ``"validation"`` if its ``dataset.json`` has one.

    Names are unique over both.

    Raises:
        DataError: as :func:`find_cases`.
    """
    root = Path(dataset_dir)
    found = {TRAINING: _unnamed(root, TRAINING)[1]}
    if VALIDATION in read_description(root):
        found[VALIDATION] = _unnamed(root, VALIDATION)[1]
    named = name_cases([case for cases in found.values() for case in cases], home_of(root))
    first = len(found[TRAINING])
    parts = {TRAINING: named[:first], VALIDATION: named[first:]}
    return {part: sorted(parts[part], key=name_of) for part in found}


def find_all_cases(dataset_dir: str | Path) -> list[Case]:
    """The cases of a data set whatever they are for: its ``training`` and its ``validation`` list, each case once.

    Raises:
        DataError: as :func:`find_cases`.
    """
    cases = [case for cases in find_lists(dataset_dir).values() for case in cases]
    return list({(str(case["image"]), case["label"]): case for case in cases}.values())


def find_parts(
    dataset_dir: str | Path,
    fold: int,
    folds: int,
    subject_of: SubjectOf | None = None,
    seed: int = 0,
    stratify_by: Mapping[str, Collection[str]] | None = None,
    leave_out: Collection[str] = (),
) -> dict[str, list[Case]]:
    """The cases of a data set by part: ``"all"``, ``"training"`` and ``"validation"``.

    A ``validation`` list in ``dataset.json`` is taken as it is. Without one the folds are those that a list of MONAI or
    nnU-Net's ``splits_final.json`` names, whatever ``folds`` says; else :func:`split_cases` deals. Cases named in
    ``leave_out`` are in no part: folds and lists go without them, and :func:`split_cases` deals the others alone.

    Raises:
        DataError: as :func:`find_cases`, or folds of cases that do not exist.
        ValueError: as :func:`split_cases`.
    """
    lists = find_lists(dataset_dir)
    kept = _without(lists, leave_out)
    if VALIDATION in lists:
        return {"all": kept[TRAINING] + kept[VALIDATION], **kept}
    written = written_folds(home_of(Path(dataset_dir)), lists[TRAINING])  # it may name cases that are left out
    if written:
        return choose_fold({number: _without(parts, leave_out) for number, parts in written.items()}, fold)
    training, validation = split_cases(kept[TRAINING], fold, folds, subject_of, seed, stratify_by)
    return {"all": kept[TRAINING], TRAINING: training, VALIDATION: validation}


def _without(parts: Mapping[str, Sequence[Case]], leave_out: Collection[str]) -> dict[str, list[Case]]:
    return {part: [case for case in cases if name_of(case) not in leave_out] for part, cases in parts.items()}


def split_cases(
    cases: Sequence[Case],
    fold: int,
    folds: int,
    subject_of: SubjectOf | None = None,
    seed: int = 0,
    stratify_by: Mapping[str, Collection[str]] | None = None,
) -> tuple[list[Case], list[Case]]:
    """Split into training and validation; all cases of a subject stay on one side.

    Args:
        cases: the cases.
        fold: which part validates, from 0 to ``folds - 1``.
        folds: into how many parts the subjects are dealt.
        subject_of: subject of a case by its name; ``None``: every case is a subject of its own.
        seed: of the shuffle before dealing.
        stratify_by: names of the cases that have a class, by class, for classes that are to be in each part as far as
            they go; see :func:`monai_mobileunet.data.datasets.strata.stratified_folds`. Without it chance decides.

    Returns:
        The cases to train on, and those to validate on.

    Raises:
        ValueError: a fold that does not exist, more folds than subjects, or a name without a subject.
    """
    if folds < 2 or not 0 <= fold < folds:
        raise ValueError(f"fold is {fold} of {folds}; expected at least 2 folds and a fold from 0 to folds - 1.")
    return dealt_folds(cases, folds, subject_of, seed, stratify_by)[fold]
