"""Carry out a plan: cases read ahead, segmented one by one, written behind; each on record when it is on disk."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from monai_mobileunet.data import DataError, Finding, write_mask
from monai_mobileunet.data.places import STATE, set_aside
from monai_mobileunet.data.writing import OUTPUT_LOST, mask_type, replace_file
from monai_mobileunet.segmentation.journal import Journal, Record, file_states, hash_file
from monai_mobileunet.segmentation.memory import Budget, case_bytes
from monai_mobileunet.segmentation.plan import Plan, PlannedCase
from monai_mobileunet.segmentation.rows import CaseRow, failed_row, row_of
from monai_mobileunet.segmentation.segmenter import Segmentation, Segmenter
from monai_mobileunet.segmentation.thumbnails import draw_thumbnail

__all__ = ["OutputError", "Run", "RunOptions"]

PICTURES, SCRATCH = "pictures", "scratch"
ATTEMPTS = 5
"""How often a run may end with a case in hand before the case is passed over: one that takes all memory ends each."""

logger = logging.getLogger(__name__)
Note = Callable[[CaseRow], None]
Attempt = Any
"""What a stage gave, or the exception that it raised."""


class OutputError(RuntimeError):
    """Nothing more can be written; what is finished is safe, and the same command goes on from there."""


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out.

    Attributes:
        num_workers: threads that read and preprocess ahead; 0 does one thing after the other.
        strict: a warning is a failure.
        settings: key of all that decides about voxels.
        spacing: mm per voxel that the bundle resamples to; ``None`` if it does not.
    """

    num_workers: int = 1
    strict: bool = False
    settings: str = ""
    spacing: Sequence[float] | None = None


@dataclass
class Run:
    """A plan being carried out; one case that fails stops no other.

    While the network works on a case, the next ones are read and the one before is written. How many are in memory
    at once is bounded by ``num_workers`` and by :class:`Budget`: a volume that is large for this machine is alone.

    Attributes:
        plan: what the cases belong to.
        segmenter: of the bundle.
        journal: gets a record when a case is taken in hand, and one after its masks are on disk.
        options: how.
        note: called with the row of each case when it is done.
    """

    plan: Plan
    segmenter: Segmenter
    journal: Journal
    options: RunOptions
    note: Note = lambda row: None

    def __call__(self, cases: Sequence[PlannedCase]) -> None:
        """Segment cases.

        Raises:
            OutputError: the output cannot be written to any more.
        """
        for folder in (PICTURES, SCRATCH):
            (self.plan.output / STATE / folder).mkdir(parents=True, exist_ok=True)
        budget, known = Budget(), self.journal.records
        # one of these may be what ended a run: alone in hand, the next end would be its own
        doubtful = [case for case in cases if case.name in known and known[case.name].begun > 1]
        alone = doubtful if self.options.num_workers else list(cases)
        for case in alone:
            taken = self._take(case)
            prepared = self._prepared(case, taken, case_bytes(case.images, self.options.spacing), budget)
            self._finish(case, taken, prepared, self._predicted(case, prepared))
        if len(alone) < len(cases):
            self._overlapped([case for case in cases if case not in doubtful], budget)

    def _overlapped(self, cases: Sequence[PlannedCase], budget: Budget) -> None:
        """Read ahead, segment, and write behind."""
        writer = ThreadPoolExecutor(1, thread_name_prefix="writer")
        readers = ThreadPoolExecutor(self.options.num_workers, thread_name_prefix="reader")
        written: deque[Future] = deque()
        try:
            for case, taken, size, read in self._read_ahead(cases, readers, budget):
                prepared = read.result()
                pred = self._predicted(case, prepared)
                while written and (written[0].done() or len(written) > 1):
                    written.popleft().result()
                job = writer.submit(self._finish, case, taken, prepared, pred)
                job.add_done_callback(partial(_give_back, budget, size))
                written.append(job)
                del read, prepared, pred  # the next case is waited for without this one's memory
            for job in written:
                job.result()
        finally:
            readers.shutdown(cancel_futures=True)
            writer.shutdown()

    def _read_ahead(
        self, cases: Sequence[PlannedCase], readers: ThreadPoolExecutor, budget: Budget
    ) -> Iterator[tuple[PlannedCase, Record, int, Future]]:
        """Cases in their order, each prepared while those before it are segmented."""
        waiting: deque[tuple[PlannedCase, Record, int, Future]] = deque()
        rest = deque(cases)
        while rest or waiting:
            while rest and len(waiting) <= self.options.num_workers:
                size = case_bytes(rest[0].images, self.options.spacing)
                if not budget.take(size, wait=not waiting):
                    break
                case = rest.popleft()
                taken = self._take(case)
                waiting.append((case, taken, size, readers.submit(self._prepared, case, taken, size, budget)))
            yield waiting.popleft()

    def _take(self, case: PlannedCase) -> Record:
        """Put on record that a case is in hand, and in what state its files are."""
        known = self.journal.records.get(case.name, Record(case.name, ""))
        taken = replace(known, begun=known.begun + 1, inputs=file_states(case.images), settings=self.options.settings)
        self._record(taken)
        return taken

    def _prepared(self, case: PlannedCase, taken: Record, size: int, budget: Budget) -> Attempt:
        def prepare() -> Any:
            if taken.begun > ATTEMPTS:
                problem = f"was in hand {ATTEMPTS} times when a run was killed, perhaps for want of memory."
                remedy = "Crop it, give the run more memory, or finish it alone with --overwrite."
                raise DataError([Finding(str(case.images[0]), problem, remedy)])
            budget.check(size, str(case.images[0]))
            return self.segmenter.prepare(case.images[0] if len(case.images) == 1 else case.images)

        return _attempt(case, prepare)

    def _predicted(self, case: PlannedCase, prepared: Attempt) -> Attempt:
        if isinstance(prepared, Exception):
            return prepared
        return _attempt(case, lambda: self.segmenter.predict(prepared))

    def _finish(self, case: PlannedCase, taken: Record, prepared: Attempt, pred: Attempt) -> None:
        """Write the masks of a case, and then its record."""
        images = [str(image) for image in case.images]
        checked = partial(self._checked, case, taken, prepared, pred)
        result = pred if isinstance(pred, Exception) else _attempt(case, checked)
        done = result if isinstance(result, Exception) else _attempt(case, lambda: self._written(case, result))
        if isinstance(done, OSError) and not isinstance(result, Exception) and done.errno in OUTPUT_LOST:
            raise OutputError(f"{done.filename or self.plan.output}: cannot be written ({done.strerror}).") from done
        row = failed_row(case.name, images, done) if isinstance(done, Exception) else done
        outputs: dict[str, str] = {}
        try:
            if isinstance(done, Exception):
                self._move_away(case)
            else:
                outputs = {path.relative_to(self.plan.output).as_posix(): hash_file(path) for path in case.outputs}
        except OSError as error:
            raise OutputError(f"{error.filename}: cannot be reached any more ({error.strerror}).") from error
        logger.log(*_line(row))
        self._record(Record(case.name, self.options.settings, taken.inputs, outputs, row.as_dict()))
        self.note(row)

    def _checked(self, case: PlannedCase, taken: Record, prepared: Any, pred: Any) -> Segmentation:
        result = self.segmenter.finish(prepared, pred)
        if file_states(case.images) != taken.inputs:
            problem = "changed while it was read."
            raise DataError([Finding(str(case.images[0]), problem, "Run again when it is all there.")])
        if self.options.strict and result.warnings:
            raise DataError([replace(warning, warning=False) for warning in result.warnings])
        return result

    def _written(self, case: PlannedCase, result: Segmentation) -> CaseRow:
        started = time.perf_counter()
        state = self.plan.output / STATE
        row = row_of(case.name, [str(image) for image in case.images], result)
        if len(case.outputs) == 1:
            write_mask(result.mask, case.outputs[0], result.volume, state / SCRATCH)
        else:
            for number, path in enumerate(case.outputs, 1):
                part = (result.mask == number).astype(mask_type(2))
                write_mask(part, path, result.volume, state / SCRATCH)
        picture = state / PICTURES / f"{case.name}.webp"
        drawn = _attempt(case, lambda: draw_thumbnail(result.mask, result.volume))
        if isinstance(drawn, bytes):
            picture.parent.mkdir(parents=True, exist_ok=True)
            temporary = state / SCRATCH / "picture.webp"
            temporary.write_bytes(drawn)
            replace_file(temporary, picture)
        seconds = {**row.seconds, "write": time.perf_counter() - started}
        shown = picture.relative_to(self.plan.output).as_posix() if isinstance(drawn, bytes) else ""
        return replace(row, outputs=[str(path) for path in case.outputs], picture=shown, seconds=seconds)

    def _move_away(self, case: PlannedCase) -> None:
        """A mask of an earlier image or model does not stay where one looks for this one's."""
        for path in case.outputs:
            set_aside(path, self.plan.output)

    def _record(self, record: Record) -> None:
        try:
            self.journal.write(record)
        except OSError as error:
            raise OutputError(f"{self.journal.path}: cannot be written ({error.strerror}).") from error


def _give_back(budget: Budget, size: int, job: Future) -> None:
    budget.give_back(size)


def _attempt(case: PlannedCase, stage: Callable[[], Any]) -> Attempt:
    """A stage of a case: what it gives, or why it failed."""
    try:
        return stage()
    except Exception as error:  # any, since no case may stop the others; it is logged, reported and counted
        if not isinstance(error, DataError):
            logger.exception("%s", case.name)
        return error


def _line(row: CaseRow) -> tuple[int, str, str, str]:
    if row.problem:
        return logging.ERROR, "%s: %s", row.case, row.problem
    total = f"done in {sum(row.seconds.values()):.2f} s"
    return logging.INFO, "%s: %s", row.case, "; ".join([total, *row.warnings])
