"""Rules for the split: how many folds, which classes each of them is to have, and the sentence about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monai_mobileunet.data.datasets.folds import dealt_folds
from monai_mobileunet.data.errors import list_some
from monai_mobileunet.planning.plan import Setting
from monai_mobileunet.planning.rules.budget import FOLDS
from monai_mobileunet.planning.rules.known import Known
from monai_mobileunet.wording import counted

__all__ = ["RULES"]

RARE = 4
"""Subjects per fold up to which chance may leave a fold without a class."""


def folds_of_subjects(known: Known) -> Setting:
    """Five folds, fewer where there are fewer subjects, or those that somebody wrote down."""
    written = known.fingerprint.folds
    if written:
        share = round(len(known.cases) / max(1, len(written[0])))  # of a list for validation, what it is in folds
        reason = f"Written down in the data set, and taken as they are. {_sizes(known, written)}"
        return Setting(len(written) if len(written) > 1 else max(2, share), reason, only="train")
    count = max(2, min(FOLDS, known.subjects))
    few = (
        f"There are {counted(known.subjects, 'subject')}: with each fold one of them validates. "
        if count < FOLDS
        else ""
    )
    return Setting(count, few + _sizes(known, _dealt(known, count, _rare(known, count))), only="train")


def rare_classes_in_each_fold(known: Known) -> Setting | None:
    """Classes that chance may leave a fold without, and the cases that have them."""
    if known.fingerprint.folds:
        return None
    folds = known["folds"]
    rare = _rare(known, folds)
    if not rare:
        return None
    chance, dealt = (_lacking(known, rare, _dealt(known, folds, classes)) for classes in ({}, rare))
    subjects = _subjects(known)
    counts = [f"{name} in {len({subjects[case] for case in cases})}" for name, cases in rare.items()]
    reason = (
        f"Few of the {known.subjects} subjects have some classes ({list_some(counts)}). These are dealt first, so that "
        f"folds train and validate on each: by chance one would be missing on a side {chance} times, so it is {dealt}."
    )
    return Setting(rare, reason, only="train")


def _subjects(known: Known) -> dict[str, str]:
    return {case.name: case.subject for case in known.cases}


def _rare(known: Known, folds: int) -> dict[str, list[str]]:
    """Names of the cases that have a class, for classes of few subjects."""
    found = {name: [case.name for case, _ in known.of_class(name)] for name in known.fingerprint.class_names}
    subjects = _subjects(known)
    counts = {name: len({subjects[case] for case in cases}) for name, cases in found.items()}
    return {name: found[name] for name, count in counts.items() if 0 < count < min(RARE * folds, known.subjects)}


def _dealt(known: Known, folds: int, classes: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Names of the cases that validate, for each fold, as a training deals them."""
    subjects = _subjects(known)
    cases = [{"image": name, "name": name} for name in subjects]
    parts = dealt_folds(cases, folds, subjects.__getitem__, 0, classes)
    return [tuple(case["name"] for case in validation) for _, validation in parts]


def _lacking(known: Known, classes: Mapping[str, Sequence[str]], dealt: Sequence[Sequence[str]]) -> int:
    """How often a fold lacks one of these classes on a side."""
    having = [set(cases) for cases in classes.values()]
    return sum((not cases & {*names}) + (cases <= {*names}) for cases in having for names in dealt)


def _sizes(known: Known, dealt: Sequence[Sequence[str]]) -> str:
    """How many cases and subjects validate in each fold, in one sentence."""
    subjects = _subjects(known)
    sizes = [(len(names), len({subjects[name] for name in names if name in subjects})) for names in dealt]
    grouped = known.subjects < len(subjects)
    shown = [_counted(cases, whose) if grouped else str(cases) for cases, whose in sizes]
    whole = _counted(len(subjects), known.subjects) if grouped else counted(len(subjects), "case")
    if len(sizes) == 1:
        return f"Of {whole} {shown[0]} validate, and the others are trained on."
    return f"Of {whole} the {len(sizes)} folds validate {', '.join(shown)}, and train on the others."


def _counted(cases: int, subjects: int) -> str:
    return f"{counted(cases, 'case')} of {counted(subjects, 'subject')}"


RULES = {"folds": folds_of_subjects, "stratify_by": rare_classes_in_each_fold}
