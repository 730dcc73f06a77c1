"""Write a mask as DICOM beside its series, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monai_mobileunet.data.dicom.segments.described import Maker, SegmentClass
from monai_mobileunet.data.dicom.segments.rtstruct_writer import rtstruct_dataset
from monai_mobileunet.data.dicom.segments.seg_writer import BINARY, seg_dataset
from monai_mobileunet.data.dicom.segments.source import Source
from monai_mobileunet.data.files import replace_file
from monai_mobileunet.output_form import OutputType, type_of

__all__ = ["DicomWriter"]


@dataclass(frozen=True)
class DicomWriter:
    """Writes the masks of one model.

    Attributes:
        classes: of the masks.
        maker: of the masks.
        seg_type: ``"BINARY"`` or ``"LABELMAP"``, see :func:`.seg_writer.seg_dataset`.
    """

    classes: tuple[SegmentClass, ...]
    maker: Maker
    seg_type: str = BINARY

    def write(self, mask: np.ndarray, source: Source, path: Path, scratch: Path | None = None) -> None:
        """Write a mask to a file; what was in its place stays until all of it is on disk.

        Args:
            mask: class numbers ``(columns, rows, slices)`` on the grid of the source.
            source: the series.
            path: of the file, whose name ends in ``.rtstruct.dcm`` for an RTSTRUCT; its folder is made.
            scratch: folder on the same disk for the file while it grows; by default its own.

        Raises:
            DataError: no such file can refer to the series.
            ModuleNotFoundError: highdicom is not installed.
            OSError: the file cannot be written there.
        """
        if type_of(path.name) is OutputType.DICOM_RTSTRUCT:
            dataset = rtstruct_dataset(mask, self.classes, source, self.maker)
        else:
            dataset = seg_dataset(mask, self.classes, source, self.maker, self.seg_type)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path, scratch) as temporary:
            dataset.save_as(temporary, enforce_file_format=True)
