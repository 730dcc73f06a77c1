"""The series that a mask belongs to: its frames in the order of the volume, and what their files say of the patient."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from monai_mobileunet.data.dicom.checks import Frame
from monai_mobileunet.data.dicom.headers import readable
from monai_mobileunet.data.dicom.series import read_stack
from monai_mobileunet.data.errors import refusal

__all__ = ["NEEDED", "Source", "read_source"]

NEEDED = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
"""Without these nothing can refer to a file."""


@dataclass(frozen=True)
class Source:
    """A series on whose frames masks lie.

    Attributes:
        name: its path, for messages.
        frames: in the order of the volume's third axis.
        affine: ``(4, 4)``, from column, row and slice to mm, LPS.
        datasets: the headers of the frames' files, without pixels, in the order of the frames; those of one file share
            theirs.
    """

    name: str
    frames: tuple[Frame, ...]
    affine: np.ndarray
    datasets: tuple[Dataset, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows and slices."""
        rows, columns = self.frames[0].size
        return columns, rows, len(self.frames)


def read_source(path: Path) -> Source:
    """Read the headers of a series.

    Args:
        path: as for :func:`monai_mobileunet.data.dicom.read_dicom`.

    Raises:
        DataError: it is no regular volume, or a file lacks what others need to refer to it.
    """
    stack = read_stack(path)
    files = list(dict.fromkeys(frame.file for frame in stack.frames))
    read = {}
    for file in files:
        with readable(file):
            data = read[file] = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        missing = [keyword for keyword in NEEDED if not data.get(keyword)]
        if missing:
            problem = f"has no {', '.join(missing)}, so that no SEG or RTSTRUCT can refer to it."
            raise refusal(file, problem, "Write the masks with --output-type nifti, or export the original series.")
    return Source(str(path), stack.frames, stack.affine, tuple(read[frame.file] for frame in stack.frames))
