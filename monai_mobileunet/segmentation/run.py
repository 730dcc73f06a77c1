"""Carry out a plan: cases read ahead, segmented one by one, written behind; each on record when it is on disk."""

from __future__ import annotations

import errno
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.writing import mask_type, replace_file, write_mask
from monai_mobileunet.segmentation.journal import Journal, Record, file_states, hash_files
from monai_mobileunet.segmentation.memory import Budget, case_bytes
from monai_mobileunet.segmentation.plan import Plan, PlannedCase
from monai_mobileunet.segmentation.references import measure_against
from monai_mobileunet.segmentation.rows import CaseRow, failed_row, row_of
from monai_mobileunet.segmentation.segmenter import Prepared, Segmentation, Segmenter
from monai_mobileunet.segmentation.thumbnails import draw_thumbnail

__all__ = ["STATE", "OutputError", "RunOptions", "execute", "split_names"]

STATE = ".mobileunet"
"""Folder in the output with the journal, the log and the pictures."""

PICTURES = "pictures"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}

logger = logging.getLogger(__name__)
Note = Callable[[CaseRow], None]


class OutputError(RuntimeError):
    """Nothing more can be written; what is finished is safe, and the same command goes on from there."""


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out.

    Attributes:
        num_workers: threads that read and preprocess ahead; 0 does one thing after the other.
        strict: a warning is a failure.
        references: file of the reference by the name of the case, to measure against; empty for none.
        settings: key of all that decides about voxels.
    """

    num_workers: int = 1
    strict: bool = False
    references: dict[str, Path] | None = None
    settings: str = ""


def execute(
    plan: Plan,
    cases: Sequence[PlannedCase],
    segmenter: Segmenter,
    journal: Journal,
    options: RunOptions,
    note: Note = lambda row: None,
) -> None:
    """Segment cases; one that fails stops no other.

    While the network works on a case, the next ones are read and the one before is written. How many are in memory
    at once is bounded by ``num_workers`` and by :class:`Budget`: a volume that is large for this machine is alone.

    Args:
        plan: what they belong to.
        cases: those that are left to do.
        segmenter: of the bundle.
        journal: gets a record of every case, after its masks are on disk.
        options: how.
        note: called with the row of each case when it is done.

    Raises:
        OutputError: the output cannot be written to any more.
    """
    if not options.num_workers:
        for case in cases:
            prepared = _prepared(case, segmenter)
            pred = _predicted(case, prepared, segmenter)
            _finish(case, prepared, pred, plan, segmenter, journal, options, note)
        return
    budget = Budget()
    writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
    written: deque[Future] = deque()
    readers = ThreadPoolExecutor(options.num_workers, thread_name_prefix="reader")
    try:
        for case, size, prepared in _read_ahead(cases, segmenter, readers, budget, options.num_workers):
            pred = _predicted(case, prepared, segmenter)
            while written and (written[0].done() or len(written) > 1):
                written.popleft().result()
            job = writer.submit(_finish, case, prepared, pred, plan, segmenter, journal, options, note)
            job.add_done_callback(partial(_give_back, budget, size))
            written.append(job)
        for job in written:
            job.result()
    finally:
        readers.shutdown(cancel_futures=True)
        writer.shutdown()


Attempt = Any
"""What a stage gave, or the exception that it raised."""


def _read_ahead(
    cases: Sequence[PlannedCase], segmenter: Segmenter, readers: ThreadPoolExecutor, budget: Budget, ahead: int
) -> Iterator[tuple[PlannedCase, int, Attempt]]:
    """Cases in their order, each prepared while those before it are segmented."""
    waiting: deque[tuple[PlannedCase, int, Future]] = deque()
    rest = deque(cases)
    while rest or waiting:
        while rest and len(waiting) <= ahead:
            size = case_bytes(rest[0].images)
            if not budget.take(size, wait=not waiting):
                break
            case = rest.popleft()
            waiting.append((case, size, readers.submit(_prepared, case, segmenter)))
        case, size, job = waiting.popleft()
        yield case, size, job.result()


def _give_back(budget: Budget, size: int, job: Future) -> None:
    budget.give_back(size)


def _prepared(case: PlannedCase, segmenter: Segmenter) -> Attempt:
    return _attempt(case, lambda: segmenter.prepare(case.images[0] if len(case.images) == 1 else case.images))


def _attempt(case: PlannedCase, stage: Callable[[], Any]) -> Attempt:
    """A stage of a case: what it gives, or why it failed."""
    try:
        return stage()
    except Exception as error:  # any, since no case may stop the others; it is logged, reported and counted
        if not isinstance(error, DataError):
            logger.exception("%s", case.name)
        return error


def _predicted(case: PlannedCase, prepared: Attempt, segmenter: Segmenter) -> Attempt:
    return prepared if isinstance(prepared, Exception) else _attempt(case, lambda: segmenter.predict(prepared))


def _finish(
    case: PlannedCase,
    prepared: Attempt,
    pred: Attempt,
    plan: Plan,
    segmenter: Segmenter,
    journal: Journal,
    options: RunOptions,
    note: Note,
) -> None:
    """Write the masks of a case, and then its record."""
    images = [str(image) for image in case.images]

    def whole() -> tuple[CaseRow, list[Path]]:
        for earlier in (prepared, pred):
            if isinstance(earlier, Exception):
                raise earlier
        return _written(case, segmenter.finish(prepared, pred), prepared, plan, options)

    done = _attempt(case, whole)
    if isinstance(done, OSError) and done.errno in FULL and _in_output(done, plan.output):
        raise OutputError(f"{done.filename or plan.output}: cannot be written ({done.strerror}).") from done
    row, files = (failed_row(case.name, images, done), []) if isinstance(done, Exception) else done
    logger.log(*_line(row))
    try:
        record = Record(case.name, options.settings, file_states(case.images), hash_files(files, plan.output))
        journal.write(replace(record, row=row.as_dict()))
    except OSError as error:
        raise OutputError(f"{journal.path}: cannot be written ({error.strerror}).") from error
    note(row)


def _in_output(error: OSError, output: Path) -> bool:
    """Whether it was a file of ours that could not be written, rather than one of the input that could not be read."""
    return error.filename is None or Path(error.filename).absolute().is_relative_to(output.absolute())


def _written(
    case: PlannedCase, result: Segmentation, prepared: Prepared, plan: Plan, options: RunOptions
) -> tuple[CaseRow, list[Path]]:
    images = [str(image) for image in case.images]
    if options.strict and result.warnings:
        raise DataError([replace(warning, warning=False) for warning in result.warnings])
    started = time.perf_counter()
    files = _write_masks(case, result, plan.split)
    row = row_of(case.name, images, result)
    reference = (options.references or {}).get(case.name)
    picture = plan.output / STATE / PICTURES / f"{case.name}.webp"
    picture.parent.mkdir(parents=True, exist_ok=True)
    temporary = picture.with_name(f".{picture.name}")
    temporary.write_bytes(draw_thumbnail(result.mask, result.volume))
    replace_file(temporary, picture)
    row = replace(
        row,
        outputs=[str(path) for path in files],
        picture=picture.relative_to(plan.output).as_posix(),
        metrics=measure_against(reference, result) if reference else {},
    )
    return replace(row, seconds={**row.seconds, "write": time.perf_counter() - started}), files


def _write_masks(case: PlannedCase, result: Segmentation, split: bool) -> list[Path]:
    if not split:
        result.save(case.output)
        return [case.output]
    files = []
    for number, name in enumerate(split_names(result.class_names), 1):
        path = case.output / f"{name}.nii.gz"
        write_mask((result.mask == number).astype(mask_type(2)), path, result.volume)
        files.append(path)
    return files


def split_names(class_names: Sequence[str]) -> list[str]:
    """Names of the files of single classes.

    Raises:
        DataError: two classes would have one file.
    """
    names = ["".join(c if c.isalnum() or c in "-." else "_" for c in name) for name in class_names]
    if len(set(names)) != len(names):
        raise DataError([Finding("--split", f"two classes have one file name: {names}.", "Rename a class.")])
    return names


def _line(row: CaseRow) -> tuple[int, str, str, str]:
    if row.problem:
        return logging.ERROR, "%s: %s", row.case, row.problem
    total = f"done in {sum(row.seconds.values()):.2f} s"
    return logging.INFO, "%s: %s", row.case, "; ".join([total, *row.warnings])
