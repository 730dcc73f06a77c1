"""Whether masks can be written as DICOM, and what writes them."""

from __future__ import annotations

from collections.abc import Iterable

import pydicom

import monai_mobileunet
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.data.dicom.pixels import PYDICOM
from monai_mobileunet.data.dicom.segments.described import Maker
from monai_mobileunet.data.dicom.segments.extras import import_highdicom
from monai_mobileunet.data.dicom.segments.writing import DicomWriter
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.formats.table import DICOM, format_of
from monai_mobileunet.output_form import DICOM_SUFFIXES, OutputForm, OutputType

__all__ = ["check_dicom_output", "dicom_writer", "drawn_names"]


def check_dicom_output(form: OutputForm, cases: Iterable[CaseRecord]) -> None:
    """Refuse DICOM files of what is no DICOM, before anything is read.

    Raises:
        DataError: images that are no DICOM series.
        ModuleNotFoundError: a package that DICOM files need is not installed.
    """
    if not form.dicom_suffixes:
        return
    if PYDICOM < 3:
        problem = f"DICOM files need pydicom 3 or newer; {pydicom.__version__} is installed."
        raise ModuleNotFoundError(f"{problem} Type: pip install 'monai_mobileunet[dicom]'", name="pydicom")
    if OutputType.DICOM_SEG in form.types:
        import_highdicom()
    others = [case.images[0] for case in cases if format_of(case.images[0]).name != DICOM]
    if others:
        asked = " and ".join(kind for kind in form.types if kind in DICOM_SUFFIXES)
        more = f", as {len(others) - 1} more images are" if others[1:] else ""
        problem = f"is {format_of(others[0]).name}{more}; --output-type {asked} needs DICOM series to refer to."
        raise refusal(others[0], problem, "Name a folder of DICOM series, or leave that --output-type out.")


def dicom_writer(bundle: Bundle, weights: str, form: OutputForm) -> DicomWriter | None:
    """What writes a bundle's masks as DICOM.

    Args:
        bundle: the bundle.
        weights: SHA-256 of its weights.
        form: which files are written.

    Returns:
        ``None`` where no DICOM files are.

    Raises:
        DataError: what the bundle says of its classes cannot be used.
    """
    if not form.dicom_suffixes:
        return None
    metadata, classes = bundle.metadata, bundle.segment_classes
    name, version = metadata.get("name", bundle.folder.name), metadata.get("version", "0")
    maker = Maker(
        str(name), str(version), weights, form.deterministic, f"monai_mobileunet {monai_mobileunet.__version__}"
    )
    return DicomWriter(classes, maker, form.seg_type.upper())


def drawn_names(bundle: Bundle) -> tuple[str, ...]:
    """What a bundle's classes are called in DICOM files.

    Raises:
        DataError: what the bundle says of its classes cannot be used.
    """
    return tuple(one.name for one in bundle.segment_classes)
