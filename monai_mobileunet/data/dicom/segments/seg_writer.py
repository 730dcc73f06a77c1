"""Write a mask as DICOM SEG on the frames of its series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from monai_mobileunet.data.dicom.segments.described import DISCLAIMER, INTELLIGENCE, Code, Maker, SegmentClass
from monai_mobileunet.data.dicom.segments.extras import import_highdicom
from monai_mobileunet.data.dicom.segments.highdicom_sources import frames_for_highdicom
from monai_mobileunet.data.dicom.segments.identity import FileIdentity, file_identity
from monai_mobileunet.data.dicom.segments.source import Source
from monai_mobileunet.data.dicom.segments.terms import LONGEST_TEXT

__all__ = ["BINARY", "LABELMAP", "seg_dataset"]

BINARY, LABELMAP = "BINARY", "LABELMAP"


def seg_dataset(
    mask: np.ndarray, classes: Sequence[SegmentClass], source: Source, maker: Maker, kind: str = BINARY
) -> Dataset:
    """A mask as a segmentation object, ready to be saved.

    Its frames are those of the series, pixel by pixel: each has the position, orientation and pixel size of the one
    that it was made from and names it, with spatial locations preserved. Nothing is flipped, transposed or named by a
    plane. Frames in which a class is not are left out; of a mask without any class each has one frame. Segment numbers
    are the class numbers, and all classes are described, those too that were not found.

    Args:
        mask: class numbers ``(columns, rows, slices)`` on the grid of the source.
        classes: of the numbers from 1 on.
        source: the series.
        maker: what made the mask.
        kind: ``BINARY``, a bit for each voxel of each class, which viewers show; or ``LABELMAP`` (DICOM 2024), the
            class numbers themselves, compressed without loss, which few viewers show.

    Raises:
        ModuleNotFoundError: highdicom is not installed.
        DataError: the series is of several files of many frames.
        ValueError: the mask is not on the grid of the source.

    References:
        DICOM PS3.3 A.51; highdicom, https://highdicom.readthedocs.io.
    """
    if mask.shape != source.shape:
        raise ValueError(f"the mask has shape {mask.shape}; its series {source.name} has {source.shape}.")
    highdicom = import_highdicom()
    identity = file_identity(mask, source, maker, kind)
    images, places = frames_for_highdicom(source)
    pixels = np.zeros((max(places) + 1, *mask.shape[1::-1]), mask.dtype)
    pixels[list(places)] = mask.transpose(2, 1, 0)
    empty, place = not pixels.any(), None
    if empty:  # DICOM wants a frame at least
        first = source.frames[0]
        place = [highdicom.PlanePositionSequence("PATIENT", first.position)]
        pixels = pixels[:1]
    seg = highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[_description(one, identity, maker) for one in classes],
        series_instance_uid=identity.new_uid("series"),
        series_number=identity.series_number,
        sop_instance_uid=identity.new_uid("instance"),
        instance_number=1,
        manufacturer=identity.manufacturer,
        manufacturer_model_name=maker.model[:LONGEST_TEXT],
        software_versions=list(identity.software),
        device_serial_number=maker.weights[:LONGEST_TEXT],
        transfer_syntax_uid=ExplicitVRLittleEndian if kind == BINARY else RLELossless,
        content_label="SEGMENTATION",
        content_description=DISCLAIMER,
        series_description=identity.series_description,
        content_date=identity.when.date(),
        content_time=identity.when.time(),
        plane_positions=place,
        omit_empty_frames=not empty,
    )
    if maker.deterministic:
        _fix(seg, identity)
    return seg


def _description(one: SegmentClass, identity: FileIdentity, maker: Maker) -> Any:
    highdicom = import_highdicom()
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=maker.model[:LONGEST_TEXT],
        family=_term(INTELLIGENCE),
        version=maker.version[:LONGEST_TEXT],
        source=identity.manufacturer,
        parameters={"weights_sha256": maker.weights, "notice": DISCLAIMER},
    )
    description = highdicom.seg.SegmentDescription(
        segment_number=one.value,
        segment_label=one.name[:LONGEST_TEXT],
        segmented_property_category=_term(one.category),
        segmented_property_type=_term(one.kind),
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm,
        tracking_uid=identity.new_uid(f"segment {one.value}"),
        tracking_id=f"{maker.model} {one.value} {one.name}"[:LONGEST_TEXT],
        display_color=highdicom.color.CIELabColor.from_rgb(*one.colour),
    )
    if one.side:
        description.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [_term(one.side)]
    return description


def _term(code: Code) -> Any:
    return import_highdicom().sr.CodedConcept(code.value, code.scheme, code.meaning)


def _fix(seg: Dataset, identity: FileIdentity) -> None:
    """Take out what highdicom draws at random or from the clock."""
    when = identity.when
    seg.InstanceCreationDate, seg.InstanceCreationTime = when.strftime("%Y%m%d"), when.strftime("%H%M%S")
    for item in seg.ContributingEquipmentSequence:
        item.ContributionDateTime = when.strftime("%Y%m%d%H%M%S")
    organization = identity.new_uid("dimensions")
    for item in (*seg.DimensionOrganizationSequence, *seg.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization
