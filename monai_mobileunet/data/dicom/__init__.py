"""DICOM: which files are one series, and the volume that their slices and frames are."""

from monai_mobileunet.data.dicom.headers import is_dicom
from monai_mobileunet.data.dicom.series import (
    SeriesFiles,
    dicom_series,
    files_of,
    grid_of_dicom,
    read_dicom,
    read_stack,
    series_in,
    series_uid,
)

__all__ = [
    "SeriesFiles",
    "dicom_series",
    "files_of",
    "grid_of_dicom",
    "is_dicom",
    "read_dicom",
    "read_stack",
    "series_in",
    "series_uid",
]
