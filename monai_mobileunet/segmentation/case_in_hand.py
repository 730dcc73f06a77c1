"""One case from the look at its files to its record: the stages, each behind the guard."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai_mobileunet.data import DataError, Finding, write_mask
from monai_mobileunet.data.files import put_in_place
from monai_mobileunet.data.search.places import STATE, set_aside
from monai_mobileunet.data.writing import fitting_name, mask_type, output_lost
from monai_mobileunet.segmentation.case_files import check_regular, file_states, hash_file
from monai_mobileunet.segmentation.guard import Guarded, OutputError
from monai_mobileunet.segmentation.journal import Journal, Record
from monai_mobileunet.segmentation.memory import Budget, case_bytes
from monai_mobileunet.segmentation.plan import PlannedCase
from monai_mobileunet.segmentation.rows import CaseRow, failed_row, row_of
from monai_mobileunet.segmentation.segmenter import Segmentation, Segmenter
from monai_mobileunet.segmentation.thumbnails import draw_thumbnail

__all__ = ["PICTURES", "SCRATCH", "CaseInHand", "RunOptions", "Tools"]

PICTURES, SCRATCH = "pictures", "scratch"
ATTEMPTS = 5
"""How often a run may end with a case in hand before the case is passed over: one that takes all memory ends each."""

logger = logging.getLogger(__name__)


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


@dataclass(frozen=True)
class Tools:
    """What all cases of a run share.

    Attributes:
        output: folder of all that is written.
        segmenter: of the bundle.
        journal: gets a record when a case is taken in hand, and one after its masks are on disk.
        options: how the run is carried out.
        budget: what a single case may take.
        note: called with the row of each case when it is done.
    """

    output: Path
    segmenter: Segmenter
    journal: Journal
    options: RunOptions
    budget: Budget
    note: Callable[[CaseRow], None]

    @property
    def state(self) -> Path:
        """Folder of what is no mask."""
        return self.output / STATE

    def lost(self, error: OSError) -> bool:
        """Whether an error of writing befalls the output as a whole, and not one place in it."""
        return output_lost(error, self.state / SCRATCH)

    def record(self, record: Record) -> None:
        """Put a record on disk.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self.journal.write(record)
        except OSError as error:
            raise OutputError(f"{self.journal.path}: cannot be written ({error.strerror}).") from error


class CaseInHand(Guarded):
    """A case on its way: ``look``, ``prepare``, ``predict``, ``write``, and then ``end``.

    Args:
        case: as it is planned.
        tools: of the run.
    """

    def __init__(self, case: PlannedCase, tools: Tools) -> None:
        super().__init__(case.name)
        self._case, self._tools = case, tools
        self._taken = tools.journal.records.get(case.name, Record(case.name, ""))
        self._prepared: Any = None
        self._pred: Any = None
        self._size = 0

    @property
    def begun(self) -> int:
        """How often runs have taken it in hand since it was last finished."""
        return self._taken.begun

    @property
    def size(self) -> int:
        """Bytes that it is expected to take, once it was looked at; a case that failed takes none."""
        return 0 if self.failure is not None else self._size

    def look(self) -> None:
        """Put on record that the case is in hand, and see what its files are and how much memory they take."""
        options, images = self._tools.options, self._case.images
        self._taken = replace(self._taken, begun=self._taken.begun + 1, settings=options.settings)
        self._tools.record(self._taken)  # before a file is touched: whatever ends the process now is counted
        if self._taken.begun > ATTEMPTS:
            problem = f"was in hand {ATTEMPTS} times when a run was killed, perhaps for want of memory."
            remedy = "Crop it, give the run more memory, or finish it alone with --overwrite."
            raise DataError([Finding(str(images[0]), problem, remedy)])
        self._taken = replace(self._taken, inputs=file_states(images))
        check_regular(images)
        self._size = case_bytes(images, options.spacing)
        self._tools.budget.check(self._size, str(images[0]))

    def prepare(self) -> None:
        """Read and preprocess."""
        images = self._case.images
        self._prepared = self._tools.segmenter.prepare(images[0] if len(images) == 1 else images)

    def predict(self) -> None:
        """Let the network work on it."""
        self._pred = self._tools.segmenter.predict(self._prepared)

    def write(self) -> None:
        """Bring the masks on the image's grid and to the disk, and then the record that it is done."""
        result = self._checked()
        started = time.perf_counter()
        row = row_of(self.name, [str(image) for image in self._case.images], result)
        self._write_masks(result)
        picture = self._draw(result)
        outputs, output = self._case.outputs, self._tools.output
        seconds = {**row.seconds, "write": time.perf_counter() - started}
        row = replace(row, outputs=[str(path) for path in outputs], picture=picture, seconds=seconds)
        hashes = {path.relative_to(output).as_posix(): self._hashed(path) for path in outputs}
        self._tools.record(self._record_of(row, hashes))
        self._row = row

    def _checked(self) -> Segmentation:
        """The masks, if the image is still what was read."""
        result = self._tools.segmenter.finish(self._prepared, self._pred)
        if file_states(self._case.images) != self._taken.inputs:
            problem = "changed while it was read."
            raise DataError([Finding(str(self._case.images[0]), problem, "Run again when it is all there.")])
        if self._tools.options.strict and result.warnings:
            raise DataError([replace(warning, warning=False) for warning in result.warnings])
        return result

    def _write_masks(self, result: Segmentation) -> None:
        outputs = self._case.outputs
        for number, path in enumerate(outputs, 1):
            mask = result.mask if len(outputs) == 1 else (result.mask == number).astype(mask_type(2))
            with self._writing(path):
                write_mask(mask, path, result.volume, self._tools.state / SCRATCH)

    def _hashed(self, path: Path) -> str:
        with self._writing(path):
            return hash_file(path)

    def _draw(self, result: Segmentation) -> str:
        """A picture for the report; a mask without one is as good."""
        try:
            drawn = draw_thumbnail(result.mask, result.volume)
        except Exception:  # whatever a strange grid leads to
            logger.exception("%s: no picture", self.name)
            return ""
        state = self._tools.state
        place = state / PICTURES / f"{self.name}.webp"
        picture = place.with_name(fitting_name(Path(self.name).name, ".webp"))
        with self._writing(picture):
            picture.parent.mkdir(parents=True, exist_ok=True)
            temporary = state / SCRATCH / "picture.webp"
            temporary.write_bytes(drawn)
            put_in_place(temporary, picture)
        return picture.relative_to(self._tools.output).as_posix()

    @contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        """What goes wrong in writing is the output's trouble, or this file's."""
        try:
            yield
        except OSError as error:
            if self._tools.lost(error):
                place = error.filename or self._tools.output
                raise OutputError(f"{place}: cannot be written ({error.strerror}).") from error
            problem = f"cannot be written ({error.strerror or error})."
            raise DataError([Finding(str(path), problem, "Look at that place, or name another folder.")]) from error

    def _record_of(self, row: CaseRow, outputs: dict[str, str]) -> Record:
        return Record(self.name, self._tools.options.settings, self._taken.inputs, outputs, row.as_dict())

    def _conclude(self) -> None:
        """Say how it ended; of a case that failed nothing stays where one looks for its mask.

        Raises:
            OutputError: the output cannot be written to any more.
        """
        self._prepared = self._pred = None
        if self.failure is not None:
            row = failed_row(self.name, [str(image) for image in self._case.images], self.failure)
            stays = self._move_away()
            self._row = replace(row, problem="\n".join([row.problem, *stays]))
            self._tools.record(self._record_of(self._row, {}))
        logger.log(*_line(self._row))
        try:
            self._tools.note(self._row)
        except Exception:  # a terminal that has gone is no reason to end
            logger.exception("%s: cannot be shown", self.name)

    def _move_away(self) -> list[str]:
        """A mask of an earlier image or model does not stay in the place of this one's; what could not be moved."""
        output, stays = self._tools.output, []
        for path in self._case.outputs:
            try:
                set_aside(path, output)
            except OSError as error:
                if self._tools.lost(error):
                    problem = f"{error.filename}: cannot be reached any more ({error.strerror})."
                    raise OutputError(problem) from error
                stays.append(f"{path}: is an earlier mask, and cannot be moved away ({error.strerror}). Remove it.")
        return stays


def _line(row: CaseRow) -> tuple[int, str, str, str]:
    if row.problem:
        return logging.ERROR, "%s: %s", row.case, row.problem
    total = f"done in {sum(row.seconds.values()):.2f} s"
    return logging.INFO, "%s: %s", row.case, "; ".join([total, *row.warnings])
