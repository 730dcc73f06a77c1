"""Write a mask as DICOM RTSTRUCT, as radiotherapy has it: contours in the planes of its series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydicom.charset import default_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    PYDICOM_IMPLEMENTATION_UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RTStructureSetStorage,
)

from monai_mobileunet.data.dicom.checks import Frame
from monai_mobileunet.data.dicom.segments.contours import contours_of
from monai_mobileunet.data.dicom.segments.described import DISCLAIMER, INTELLIGENCE, Code, Maker, SegmentClass
from monai_mobileunet.data.dicom.segments.identity import FileIdentity, file_identity
from monai_mobileunet.data.dicom.segments.source import Source
from monai_mobileunet.data.dicom.segments.terms import LONGEST_TEXT

__all__ = ["rtstruct_dataset"]

LABEL = "AI, not clinical"
"""Of the structure set, in lists of planning systems; 16 characters at most."""
STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
"""SOP class that stands for a study in references."""
ANATOMY = ("123037004", "91723000")
"""SNOMED CT's codes of anatomical structures in general, in DICOM's lists of today and in that of radiotherapy."""
CONTOUR_DATA = Tag("ContourData")
LONGEST_EXPLICIT = 65534
"""Bytes of an element of decimal strings where value representations are explicit."""
FINE = 200
"""Coordinates are rounded to less than this part of a pixel."""

COPIED = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientSize"),
    *("PatientWeight", "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    *("ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName", "ClinicalTrialSiteID"),
    *("ClinicalTrialSiteName", "ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber"),
    *("ReferringPhysicianName", "FrameOfReferenceUID", "PositionReferenceIndicator"),
)
"""What the file says of the patient, the study and the coordinates, as the series does."""
EMPTY_IF_UNKNOWN = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"),
    *("AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator"),
)


def rtstruct_dataset(mask: np.ndarray, classes: Sequence[SegmentClass], source: Source, maker: Maker) -> Dataset:
    """A mask as a structure set, ready to be saved.

    A contour runs along the edges of pixels in the plane of its slice, whichever way the series lies, and names the
    image that it was made from. What was not found has no structure: one without contours is allowed, but programs
    fail on it (matRad#45, Dicom_RT_and_Images_to_Mask#27), RayStation leaves it out (platipy#143), and plastimatch
    prunes it (SlicerRT#137). Only where nothing was found, all classes are listed without contours, for DICOM wants a
    structure at least.

    Holes are keyholes, as plastimatch writes them too: see :func:`contours_of`. DICOM's newer ``CLOSEDPLANAR_XOR`` is
    passed over by readers that know ``CLOSED_PLANAR`` only, as Orthanc's viewer, and a contour within another is
    filled by some (platipy#244, cornerstone3D#2477).

    Numbers have 16 characters at most, without which Eclipse refuses the file (rt-utils#80). The file has implicit
    value representations only where a contour is longer than 64 kB, which explicit ones have no room for: planning
    systems do not open what stands in for it (pydicom#1530).

    Classes of anatomy are of the type ``ORGAN``; others have none, for what is a target a physician says. No class is
    ``EXTERNAL``, the outline in which dose is computed.

    Args:
        mask: class numbers ``(columns, rows, slices)`` on the grid of the source.
        classes: of the numbers from 1 on.
        source: the series.
        maker: what made the mask.

    Raises:
        ValueError: the mask is not on the grid of the source, or has numbers that are of no class.

    References:
        DICOM PS3.3 A.19.3, C.8.8.5, C.8.8.6 and C.8.8.8.
    """
    if mask.shape != source.shape:
        raise ValueError(f"the mask has shape {mask.shape}; its series {source.name} has {source.shape}.")
    contours = _contours(mask, classes, source)
    found = [one for one in classes if contours[one.value]] or list(classes)
    identity = file_identity(mask, source, maker, "RTSTRUCT")
    dataset = _header(source, maker, identity)
    dataset.ReferencedFrameOfReferenceSequence = [_reference(source)]
    dataset.StructureSetROISequence = [_structure(one, source, maker, identity) for one in found]
    dataset.ROIContourSequence = [_drawn(one, contours[one.value]) for one in found]
    dataset.RTROIObservationsSequence = [_observation(one) for one in found]
    dataset.ApprovalStatus = "UNAPPROVED"
    _make_file(dataset, [item for items in contours.values() for item in items])
    return dataset


def _contours(mask: np.ndarray, classes: Sequence[SegmentClass], source: Source) -> Mapping[int, list[Dataset]]:
    """The items of each class's contours, by its number."""
    contours: dict[int, list[Dataset]] = {one.value: [] for one in classes}
    smallest = float(np.linalg.norm(source.affine[:3, :2], axis=0).min())
    decimals = max(math.ceil(math.log10(FINE / smallest)), 1)
    planes = np.ascontiguousarray(mask.transpose(2, 0, 1))
    for plane, frame, header in zip(planes, source.frames, source.datasets, strict=True):
        images = _images(frame, header)
        for value in np.unique(plane[plane != 0]).tolist():
            if value not in contours:
                raise ValueError(f"the mask has the number {value}; its classes are {', '.join(map(str, contours))}.")
            for points in contours_of(plane == value):
                # by the slice's own position: the volume's affine has the mean distance, which is rounded
                places = frame.position + points @ source.affine[:3, :2].T
                contours[value].append(_contour(places, decimals, images, len(contours[value]) + 1))
    return contours


def _contour(places: np.ndarray, decimals: int, images: DataElement, number: int) -> Dataset:
    item = Dataset()
    item["ContourImageSequence"] = images
    item.ContourGeometricType = "CLOSED_PLANAR"
    item.NumberOfContourPoints, item.ContourNumber = len(places), number
    numbers = (np.round(places, decimals) + 0.0).ravel().tolist()  # without negative zeros
    text = "\\".join([f"%.{decimals}f"] * len(numbers)) % tuple(numbers)
    value = text.encode("ascii") + b" " * (len(text) % 2)
    # as bytes, for pydicom would make an object of every number
    item[CONTOUR_DATA] = RawDataElement(CONTOUR_DATA, "DS", len(value), value, 0, False, True)
    return item


def _images(frame: Frame, header: Dataset) -> DataElement:
    """The reference to a slice; its contours share one."""
    image = _image(header)
    if frame.count > 1:
        image.ReferencedFrameNumber = frame.index + 1
    return DataElement("ContourImageSequence", "SQ", [image])


def _image(header: Dataset) -> Dataset:
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    return image


def _header(source: Source, maker: Maker, identity: FileIdentity) -> Dataset:
    dataset, first = Dataset(), source.datasets[0]
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword in COPIED:
        if keyword in first:
            dataset[keyword] = first[keyword]
        elif keyword in EMPTY_IF_UNKNOWN:
            setattr(dataset, keyword, None)
    dataset.SOPClassUID, dataset.SOPInstanceUID = RTStructureSetStorage, identity.new_uid("instance")
    dataset.Modality = "RTSTRUCT"
    dataset.SeriesInstanceUID, dataset.SeriesNumber = identity.new_uid("series"), identity.series_number
    dataset.SeriesDescription, dataset.InstanceNumber = identity.series_description, 1
    dataset.OperatorsName = None
    dataset.Manufacturer, dataset.ManufacturerModelName = identity.manufacturer, maker.model[:LONGEST_TEXT]
    dataset.SoftwareVersions = list(identity.software)
    dataset.StructureSetLabel, dataset.StructureSetName = LABEL, identity.description
    dataset.StructureSetDescription = f"{DISCLAIMER}. {maker.model} {maker.version}, weights {maker.weights}"[:1024]
    day, time = identity.when.strftime("%Y%m%d"), identity.when.strftime("%H%M%S")
    dataset.InstanceCreationDate = dataset.SeriesDate = dataset.StructureSetDate = day
    dataset.InstanceCreationTime = dataset.SeriesTime = dataset.StructureSetTime = time
    return dataset


def _reference(source: Source) -> Dataset:
    """The series with all its images."""
    first = source.datasets[0]
    series = Dataset()
    series.SeriesInstanceUID = first.SeriesInstanceUID
    series.ContourImageSequence = [_image(header) for header in {id(item): item for item in source.datasets}.values()]
    study = Dataset()
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = STUDY_CLASS, first.StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    reference = Dataset()
    reference.FrameOfReferenceUID = first.FrameOfReferenceUID
    reference.RTReferencedStudySequence = [study]
    return reference


def _structure(one: SegmentClass, source: Source, maker: Maker, identity: FileIdentity) -> Dataset:
    algorithm = Dataset()
    algorithm.AlgorithmFamilyCodeSequence = [_code(INTELLIGENCE)]
    algorithm.AlgorithmName, algorithm.AlgorithmVersion = maker.model[:LONGEST_TEXT], maker.version[:LONGEST_TEXT]
    algorithm.AlgorithmParameters = f"weights_sha256={maker.weights}"
    algorithm.AlgorithmSource = identity.manufacturer
    item = Dataset()
    item.ROINumber, item.ROIName = one.value, one.name[:LONGEST_TEXT]
    item.ReferencedFrameOfReferenceUID = source.datasets[0].FrameOfReferenceUID
    item.ROIGenerationAlgorithm, item.ROIGenerationDescription = "AUTOMATIC", DISCLAIMER
    item.ROIDerivationAlgorithmIdentificationSequence = [algorithm]
    return item


def _drawn(one: SegmentClass, contours: Sequence[Dataset]) -> Dataset:
    item = Dataset()
    item.ReferencedROINumber, item.ROIDisplayColor = one.value, list(one.colour)
    if contours:
        item.ContourSequence = contours
    return item


def _observation(one: SegmentClass) -> Dataset:
    kind = _code(one.kind)
    if one.side:
        kind.SegmentedPropertyTypeModifierCodeSequence = [_code(one.side)]
    item = Dataset()
    item.ObservationNumber = item.ReferencedROINumber = one.value
    item.SegmentedPropertyCategoryCodeSequence = [_code(one.category)]
    item.RTROIIdentificationCodeSequence = [kind]
    item.RTROIInterpretedType = "ORGAN" if one.category.value in ANATOMY else ""
    item.ROIInterpreter = ""
    return item


def _code(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme, code.meaning
    return item


def _make_file(dataset: Dataset, contours: Sequence[Dataset]) -> None:
    """Give a dataset what stands before it in a file."""
    longest = max((len(item.get_item(CONTOUR_DATA).value) for item in contours), default=0)
    implicit = longest > LONGEST_EXPLICIT
    for item in contours:
        item.set_original_encoding(implicit, True, default_encoding)  # otherwise pydicom would read and write them anew
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    rim: Any = dataset
    rim.file_meta, rim.preamble = meta, bytes(128)
