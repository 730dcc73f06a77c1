"""Whether masks can be written as DICOM, and what writes them."""

from __future__ import annotations

from collections.abc import Iterable

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.data import DataError, Finding
from monai_mobileunet.data.dicom.segments.attributes import classes_from
from monai_mobileunet.data.dicom.segments.described import Maker
from monai_mobileunet.data.dicom.segments.extras import extra
from monai_mobileunet.data.dicom.segments.writing import DicomWriter
from monai_mobileunet.data.formats.table import format_of
from monai_mobileunet.output_form import OutputForm, OutputType

__all__ = ["check_dicom_output", "dicom_writer"]

NEEDED = {OutputType.DICOM_SEG: "highdicom", OutputType.DICOM_RTSTRUCT: "skimage.measure"}
"""Module of the extra ``dicom`` that makes each kind of file."""


def check_dicom_output(form: OutputForm, cases: Iterable[CaseRecord]) -> None:
    """Refuse DICOM files of what is no DICOM, before anything is read.

    Raises:
        DataError: an image that is no DICOM series; each is named.
        ModuleNotFoundError: a package that DICOM files need is not installed.
    """
    if not form.dicom_suffixes:
        return
    for kind, module in NEEDED.items():
        if kind in form.types:
            extra(module)
    asked = " and ".join(kind for kind in form.types if kind in NEEDED)
    remedy = "Name a folder of DICOM series, or leave that --output-type out."
    findings = [
        Finding(str(case.images[0]), f"is {found}; --output-type {asked} needs a DICOM series to refer to.", remedy)
        for case in cases
        if (found := format_of(case.images[0]).name) != "DICOM"
    ]
    if findings:
        raise DataError(findings)


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
    metadata = bundle.metadata
    classes = classes_from(metadata, bundle.class_names, str(bundle.folder / "configs" / "metadata.json"))
    name, version = metadata.get("name", bundle.folder.name), metadata.get("version", "0")
    maker = Maker(str(name), str(version), weights, form.deterministic)
    return DicomWriter(classes, maker, form.seg_type.upper())
