"""One case from the look at its files to its record: the stages, each behind the guard."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai_mobileunet.case_record import CaseRecord, CaseState, FileState, WrittenFile
from monai_mobileunet.cohort.case_pictures import draw_picture, place_of_picture
from monai_mobileunet.cohort.guard import Guarded, OutputError
from monai_mobileunet.cohort.journal import Journal
from monai_mobileunet.cohort.memory import Budget, case_bytes
from monai_mobileunet.cohort.outcome import done_record, failed_record, log_line
from monai_mobileunet.cohort.plan import Plan
from monai_mobileunet.cohort.standing import written_file
from monai_mobileunet.data import DataError, Finding, write_mask
from monai_mobileunet.data.dicom.segments.source import Source, read_source
from monai_mobileunet.data.dicom.segments.writing import DicomWriter
from monai_mobileunet.data.files import write_bytes
from monai_mobileunet.data.formats import check_regular, image_states
from monai_mobileunet.data.search.places import set_aside
from monai_mobileunet.data.writing import mask_type, output_lost
from monai_mobileunet.segmentation.segmenter import Segmentation, Segmenter

__all__ = ["SCRATCH", "CaseInHand", "Tools"]

SCRATCH = "scratch"
ATTEMPTS = 5
"""How often a run may end with a case in hand before the case is passed over: one that takes all memory ends each."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tools:
    """What all cases of a run share.

    Attributes:
        plan: the run that they belong to.
        segmenter: the bundle's; ``None`` in a process that segments nothing itself.
        journal: gets a record when a case is taken in hand, and one after its masks are on disk.
        budget: memory that the cases in hand may take together.
        settings: key of all that decides about voxels.
        strict: whether a warning is a failure.
        spacing: mm per voxel that the bundle resamples to; ``None`` if it does not.
        pictures: whether each mask is drawn for a report.
        show: called with the record of each case that has ended.
        scratch_name: name of the folder of files that are being written, in the run's folder; each process that
            works there has one of its own.
        postpone: called with a case that is too large for this worker, in place of its failure; ``None`` where no
            other worker has more memory.
        dicom: writes masks as DICOM; ``None`` where none are.
    """

    plan: Plan
    segmenter: Segmenter | None
    journal: Journal
    budget: Budget
    settings: str = ""
    strict: bool = False
    spacing: Sequence[float] | None = None
    pictures: bool = True
    show: Callable[[CaseRecord], None] = lambda record: None
    scratch_name: str = SCRATCH
    postpone: Callable[[CaseRecord], None] | None = None
    dicom: DicomWriter | None = None

    @property
    def loaded(self) -> Segmenter:
        """The segmenter of a process that segments.

        Raises:
            RuntimeError: it does not.
        """
        if self.segmenter is None:
            raise RuntimeError("This process segments nothing itself.")
        return self.segmenter

    @property
    def scratch(self) -> Path:
        """Folder of files that are being written."""
        return self.plan.state / self.scratch_name

    def tell(self, record: CaseRecord) -> None:
        """Show a case that has ended; a terminal that has gone, or a report in the making, is no reason to end."""
        try:
            self.show(record)
        except Exception:
            logger.exception("%s: cannot be shown", record.name)

    def lost(self, error: OSError) -> bool:
        """Whether an error of writing befalls the output as a whole, and not one place in it."""
        return output_lost(error, self.scratch)


class _Postponed(DataError):
    """A case needs more memory than this worker has, and another one may have it."""


class CaseInHand(Guarded):
    """A case on its way: ``look``, ``prepare``, ``predict``, ``write``, and then ``end``.

    Args:
        record: the case as it is planned, with what earlier runs have left of it.
        tools: what all cases of the run share.
    """

    def __init__(self, record: CaseRecord, tools: Tools) -> None:
        super().__init__(record.name)
        self._record, self._tools = record, tools
        self._prepared: Any = None
        self._pred: Any = None
        self._source: Source | None = None
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes that it is expected to take, once it was looked at; a case that failed takes none."""
        return 0 if self.failure is not None else self._size

    def look(self) -> None:
        """Put on record that the case is in hand, and see what its files are and how much memory they take."""
        record, tools = self._record, self._tools
        self._record = replace(record, state=CaseState.IN_HAND, attempts=record.attempts + 1, settings=tools.settings)
        tools.journal.write(self._record)  # before a file is touched: whatever ends the process now is counted
        if self._record.attempts > ATTEMPTS:
            problem = f"was in hand {ATTEMPTS} times when a run was killed, perhaps for want of memory."
            remedy = "Crop it, give the run more memory, or segment it alone with mobileunet segment --overwrite."
            raise DataError([Finding(str(record.images[0]), problem, remedy)])
        self._record = replace(self._record, inputs=image_states(record.images))
        check_regular(record.images)
        self._size = case_bytes(record.images, tools.spacing)
        try:
            tools.budget.check(self._size, str(record.images[0]))
        except DataError as error:
            if tools.postpone is None:
                raise
            raise _Postponed(error.findings) from error

    def prepare(self) -> None:
        """Read and preprocess; a series that no DICOM file can refer to is refused before the network works on it."""
        images = self._record.images
        if self._record.dicom:
            self._source = read_source(images[0])
        self._prepared = self._tools.loaded.prepare(images[0] if len(images) == 1 else images)

    def predict(self) -> None:
        """Let the network work on it."""
        self._pred = self._tools.loaded.predict(self._prepared)

    def write(self) -> None:
        """Bring the masks on the image's grid and to the disk, and then the record that it is done."""
        result = self._checked()
        started = time.perf_counter()
        done = done_record(self._record, result)
        self._write_masks(result)
        picture, pictured = self._draw(result) if self._tools.pictures else ("", [])
        seconds = {**done.seconds, "write": time.perf_counter() - started}
        output = self._tools.plan.output
        written = {path.relative_to(output).as_posix(): self._written(path) for path in done.outputs}
        done = replace(done, written=written, picture=picture, pictured=pictured, seconds=seconds)
        self._tools.journal.write(done)
        self._record = done

    def _checked(self) -> Segmentation:
        """The masks, if the image is still what was read."""
        result = self._tools.loaded.finish(self._prepared, self._pred)
        if image_states(self._record.images) != self._record.inputs:
            problem = "changed while it was read."
            raise DataError([Finding(str(self._record.images[0]), problem, "Run again when it is all there.")])
        if self._tools.strict and result.warnings:
            raise DataError([replace(warning, warning=False) for warning in result.warnings])
        return result

    def _write_masks(self, result: Segmentation) -> None:
        masks, dicom, scratch = self._record.masks, self._record.dicom, self._tools.scratch
        for number, path in enumerate(masks, 1):
            mask = result.mask if len(masks) == 1 else (result.mask == number).astype(mask_type(2))
            with self._writing(path):
                write_mask(mask, path, result.volume, scratch, result.classes)
        for path in self._record.segmentations:
            with self._writing(path):
                write_mask(result.mask, path, result.volume, scratch, result.classes)
        if self._source is not None and self._tools.dicom is not None:
            for path in dicom:
                with self._writing(path):
                    self._tools.dicom.write(result.mask, self._source, path, scratch)

    def _written(self, path: Path) -> WrittenFile:
        with self._writing(path):
            return written_file(path)

    def _draw(self, result: Segmentation) -> tuple[str, list[FileState]]:
        """A picture for the report, and the reference in it; a mask without one is as good."""
        try:
            drawn, pictured = draw_picture(self._record, result.mask, result.volume, result.classes)
        except Exception:  # whatever a strange grid leads to
            logger.exception("%s: no picture", self.name)
            return "", []
        state = self._tools.plan.state
        picture = place_of_picture(self.name, state)
        with self._writing(picture):
            picture.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(picture, drawn, self._tools.scratch)
        return picture.relative_to(state.parent).as_posix(), pictured

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        """What goes wrong in writing is the output's trouble, or this file's."""
        try:
            yield
        except OSError as error:
            if self._tools.lost(error):
                place = error.filename or self._tools.plan.output
                raise OutputError(f"{place}: cannot be written ({error.strerror}).") from error
            problem = f"cannot be written ({error.strerror or error})."
            raise DataError([Finding(str(path), problem, "Look at that place, or name another folder.")]) from error

    def _conclude(self) -> None:
        """Say how it ended; of a case that failed nothing stays where one looks for its mask.

        Raises:
            OutputError: the output cannot be written to any more.
        """
        self._prepared = self._pred = self._source = None
        if isinstance(self.failure, _Postponed) and self._tools.postpone is not None:
            self._record = replace(self._record, attempts=self._record.attempts - 1)  # nothing was tried
            self._tools.journal.write(self._record)
            self._tools.postpone(self._record)
            return
        if self.failure is not None:
            failed = failed_record(self._record, self.failure)
            self._record = replace(failed, problem="\n".join([failed.problem, *self._move_away()]))
            self._tools.journal.write(self._record)
        logger.log(*log_line(self._record))
        self._tools.tell(self._record)

    def _move_away(self) -> list[str]:
        """A mask of an earlier image or model does not stay in the place of this one's; what could not be moved."""
        output, stays = self._tools.plan.output, []
        for path in self._record.outputs:
            try:
                set_aside(path, output, self._tools.plan.state)
            except OSError as error:
                if self._tools.lost(error):
                    problem = f"{error.filename}: cannot be reached any more ({error.strerror})."
                    raise OutputError(problem) from error
                stays.append(f"{path}: is an earlier mask, and cannot be moved away ({error.strerror}). Remove it.")
        return stays
