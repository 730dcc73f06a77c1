"""Folds that somebody wrote down (in a list of MONAI, in nnU-Net's ``splits_final.json``), and folds that are dealt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from monai_mobileunet.data.datasets.listing import Case, read_json
from monai_mobileunet.data.datasets.naming import name_of
from monai_mobileunet.data.datasets.strata import stratified_folds
from monai_mobileunet.data.errors import Finding, list_some, refusal, root_cause, set_entry, warning
from monai_mobileunet.wording import counted

__all__ = [
    "SPLITS",
    "Parts",
    "SubjectOf",
    "choose_fold",
    "dealt_folds",
    "divided_subjects",
    "has_folds",
    "written_folds",
]

SPLITS = "splits_final.json"
NO_SUBJECTS = "'$None'"
"""The value of ``subject_of`` by which every case is a subject of its own, as a shell takes it."""

Parts: TypeAlias = dict[str, list[Case]]
"""The cases of a fold: ``"all"``, ``"training"`` and ``"validation"``."""

SubjectOf: TypeAlias = Callable[[str], Hashable]
"""The subject that a case belongs to, by the case's name."""


def has_folds(folder: Path, cases: Sequence[Case]) -> bool:
    """Whether :func:`written_folds` would find folds, right or wrong."""
    return any("fold" in case for case in cases) or (folder / SPLITS).is_file()


def written_folds(folder: Path, cases: Sequence[Case]) -> dict[int, Parts]:
    """The folds of a data set that are written down, by their numbers; none where nothing is.

    A case without ``"fold"`` in a list where others have one is trained on in every fold, as in MONAI's Auto3DSeg.

    Args:
        folder: of the data set; a ``splits_final.json`` in it is read.
        cases: all cases of its list.

    Raises:
        DataError: ``splits_final.json`` is none, or names cases that do not exist.
    """
    plain = [{key: value for key, value in case.items() if key != "fold"} for case in cases]
    numbers = sorted({case["fold"] for case in cases if "fold" in case})
    if numbers:
        dealt = [(case.get("fold"), one) for case, one in zip(cases, plain, strict=True)]
        return {
            number: {
                "all": plain,
                "training": [case for fold, case in dealt if fold != number],
                "validation": [case for fold, case in dealt if fold == number],
            }
            for number in numbers
        }
    if not (folder / SPLITS).is_file():
        return {}
    by_name = {name_of(case): case for case in plain}
    return {
        number: {"all": plain, **{part: _named(split, key, by_name, folder / SPLITS) for part, key in KEYS.items()}}
        for number, split in enumerate(_splits(folder / SPLITS))
    }


KEYS = {"training": "train", "validation": "val"}
"""What nnU-Net calls the parts of a fold."""


def _splits(path: Path) -> list[dict[str, Any]]:
    content = read_json(path)
    whole = isinstance(content, list) and all(
        isinstance(split, dict)
        and all(isinstance(split.get(key), list) for key in KEYS.values())
        and not set(map(str, split["train"])) & set(map(str, split["val"]))
        for split in content
    )
    if not whole or not content:
        problem = "is no list of folds; expected names of different cases in 'train' and 'val' of each."
        raise refusal(path, problem, 'Write [{"train": ["a", "b"], "val": ["c"]}, …], or remove it.')
    return content


def _named(split: dict[str, Any], key: str, by_name: dict[str, Case], path: Path) -> list[Case]:
    unknown = [name for name in split[key] if name not in by_name]
    if unknown:
        problem = f"names cases that do not exist: {list_some(unknown)}; the cases are {list_some(list(by_name))}."
        raise refusal(path, problem, "Correct the names, or remove the file: folds are dealt then.")
    if not split[key]:
        raise refusal(path, f"has a fold without cases in {key!r}.", "Add cases to it, or remove the fold.")
    return [by_name[name] for name in sorted(split[key])]


def choose_fold(folds: dict[int, Parts], fold: int) -> Parts:
    """One of the folds that are written down.

    Raises:
        ValueError: there is no such fold, or it trains on nothing.
    """
    if fold not in folds:
        raise ValueError(f"fold is {fold}; the data set says itself which folds it has: {', '.join(map(str, folds))}.")
    if not folds[fold]["training"]:
        raise ValueError(f"all cases of the data set are of fold {fold}; none is left to train on. Deal more folds.")
    return folds[fold]


def divided_subjects(folds: Mapping[int, Parts], subjects: Mapping[str, str], written: Path) -> Iterator[Finding]:
    """Subjects that are on both sides of a fold that somebody wrote down: its Dice says little about new subjects.

    Args:
        folds: by their numbers.
        subjects: by the name of the case.
        written: the file that has the folds.
    """
    for number, parts in folds.items():
        sides: list[dict[str, str]] = [{}, {}]
        for side, part in zip(sides, ("training", "validation"), strict=True):
            side.update((subjects[name_of(case)], name_of(case)) for case in parts[part] if name_of(case) in subjects)
        shared = sorted(sides[0].keys() & sides[1].keys())
        if shared:
            trained, validated = (side[shared[0]] for side in sides)
            problem = (
                f"has {counted(len(shared), 'subject')} on both sides of fold {number}, {shared[0]} "
                f"among them ({trained} trains, "
                f"{validated} validates)."
            )
            yield warning(written, problem, "Keep all cases of a subject on one side, or remove the folds from it.")


def dealt_folds(
    cases: Sequence[Case],
    folds: int,
    subject_of: SubjectOf | None = None,
    seed: int = 0,
    stratify_by: Mapping[str, Collection[str]] | None = None,
) -> list[tuple[list[Case], list[Case]]]:
    """All folds of :func:`monai_mobileunet.data.split_cases`, which takes one of them.

    Args:
        cases: the cases.
        folds: into how many parts the subjects are dealt, 2 at least.
        subject_of: subject of a case by its name; ``None``: every case is a subject of its own.
        seed: of the shuffle before dealing.
        stratify_by: names of the cases that have a class, by class.

    Returns:
        For each fold the cases to train on, and those to validate on.

    Raises:
        ValueError: fewer than 2 folds, more folds than subjects, or a name without a subject.
    """
    if folds < 2:
        raise ValueError(f"folds is {folds}; expected at least 2, so that some cases train and the others validate.")
    subjects = [_subject(case, subject_of) for case in cases]
    unique = list(dict.fromkeys(subjects))
    if len(unique) < folds:
        raise ValueError(_too_few(cases, unique, folds))
    if stratify_by:
        of_name = {name_of(case): subject for case, subject in zip(cases, subjects, strict=True)}
        having = {label: {of_name[name] for name in names if name in of_name} for label, names in stratify_by.items()}
        held_back = stratified_folds(subjects, having, folds, seed)
    else:
        from monai.data import partition_dataset  # here: the lists of a data set need neither MONAI nor torch

        held_back = [set(part) for part in partition_dataset(unique, num_partitions=folds, shuffle=True, seed=seed)]
    dealt: list[tuple[list[Case], list[Case]]] = [([], []) for _ in range(folds)]
    for case, subject in zip(cases, subjects, strict=True):
        for sides, validating in zip(dealt, held_back, strict=True):
            sides[subject in validating].append(case)
    return dealt


def _subject(case: Case, subject_of: SubjectOf | None) -> Hashable:
    if subject_of is None:
        return case.get("name") or str(case["image"])
    try:
        return subject_of(name_of(case))
    except Exception as error:  # any, since it is the config's own code
        problem = f"subject_of cannot tell the subject of the case {name_of(case)!r} ({root_cause(error)})."
        raise ValueError(
            f"{problem} Change it in train.json. Or type {set_entry('subject_of', NO_SUBJECTS)}."
        ) from error


def _too_few(cases: Sequence[Case], subjects: Sequence[Hashable], folds: int) -> str:
    problem = f"{counted(len(subjects), 'subject')} cannot be dealt into {folds} folds"
    if len(subjects) < len(cases):
        shown = f"{name_of(cases[0])!r} and {name_of(cases[-1])!r} among them"
        return (
            f"{problem}: subject_of in train.json tells {counted(len(subjects), 'subject')} in "
            f"{counted(len(cases), 'case')} ({shown}). "
            f"Type {set_entry('subject_of', NO_SUBJECTS)} if every case is a subject of its own."
            + (f" Or type {set_entry('folds', len(subjects))}, or fewer." if len(subjects) > 1 else "")
        )
    if len(subjects) < 2:
        return f"{problem}: the data set has {len(subjects)}. Add cases."
    return f"{problem}; choose at most {len(subjects)}."
