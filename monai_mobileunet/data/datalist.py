"""The list of cases as a bundle's config asks for it."""

from __future__ import annotations

import logging

from monai_mobileunet.data.cases import Case, SubjectOf, find_parts
from monai_mobileunet.data.checks import check_cases
from monai_mobileunet.data.errors import DataError

__all__ = ["load_cases"]

logger = logging.getLogger(__name__)


def load_cases(
    dataset_dir: str,
    part: str = "training",
    num_classes: int | None = None,
    fold: int = 0,
    folds: int = 5,
    subject_of: SubjectOf | None = None,
    seed: int = 0,
    limit: int | None = None,
    exit_on_error: bool = False,
) -> list[Case]:
    """The training or the validation part of a data set, found, split and checked.

    Args:
        dataset_dir: folder of the data set; see :func:`monai_mobileunet.data.find_cases` for the layouts.
        part: ``"training"``, ``"validation"`` or ``"all"``.
        num_classes: classes with the background. If given, every file is opened and checked.
        fold: which part of the split validates.
        folds: parts of the split.
        subject_of: subject of a case by its name, whose cases stay on one side.
        seed: of the split.
        limit: use only the first so many cases of the part (for smoke tests).
        exit_on_error: end the program with the message alone where the data are at fault. MONAI wraps every
            exception raised while it reads a config in one that says "failed to instantiate", so that the
            cause stands far up in a long traceback; ``SystemExit`` passes through. For configs only.

    Raises:
        DataError: the data are at fault; with ``exit_on_error`` :class:`SystemExit` with the same message.
        ValueError: an unknown part or an impossible split.
    """
    try:
        parts = find_parts(dataset_dir, fold, folds, subject_of, seed)
        if part not in parts:
            raise ValueError(f"part is {part!r}; expected one of {', '.join(parts)}.")
        cases = parts[part][:limit]
        findings = check_cases(cases, num_classes) if num_classes else []
        for finding in findings:
            if finding.warning:
                logger.warning("%s", finding)
        errors = [finding for finding in findings if not finding.warning]
        if errors:
            raise DataError(errors)
    except ValueError as error:
        if exit_on_error:
            raise SystemExit(f"error: {error}") from error
        raise
    return cases
