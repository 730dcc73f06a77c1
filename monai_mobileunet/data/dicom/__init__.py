"""DICOM: which files are one series, and the volume that their slices and frames are."""

from monai_mobileunet.data.dicom.series import SeriesFiles, dicom_series, files_of, read_dicom, series_in

__all__ = ["SeriesFiles", "dicom_series", "files_of", "read_dicom", "series_in"]
