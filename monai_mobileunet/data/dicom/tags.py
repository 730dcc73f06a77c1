"""Which elements of DICOM are read, and what they tell: tables."""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword

__all__ = [
    "DIRECTORY",
    "MOST_TELLING",
    "NO_IMAGES",
    "NO_IMAGE_CLASSES",
    "NUMBERS",
    "OF_ALL",
    "OF_EACH_FRAME",
    "TAGS",
    "TELL_APART",
    "WITH_UNITS",
]

NO_IMAGES = frozenset(
    ("SR", "SEG", "PR", "KO", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "RTIMAGE", "REG", "FID", "RWV", "DOC", "PLAN")
)
"""Modalities of what lies beside images and is none, or not one to be segmented."""
NO_IMAGE_CLASSES = (
    "1.2.840.10008.1.3.10",
    "1.3.12.2.1107.5.9.1",
    *(f"1.2.840.10008.5.1.4.1.1.{kind}" for kind in ("4.2", "66", "11.", "88.", "104.", "481.3", "481.5")),
)
"""SOP classes of the same kind begin so: DICOMDIR, raw data, spectra, segmentations, presentation states, …"""
DIRECTORY = "1.2.840.10008.1.3.10"

WITH_UNITS = ("CT", "PT")
"""Modalities whose values mean something by themselves, however they are to be shown."""

TELL_APART = (
    *("EchoTime", "EchoNumbers", "TemporalPositionIdentifier", "TemporalPositionIndex", "DiffusionBValue"),
    *("ImageType", "ComplexImageComponent", "TriggerTime", "NominalPercentageOfCardiacPhase", "InversionTime"),
    *("FlipAngle", "RepetitionTime", "StackID", "ConvolutionKernel", "KVP", "ReceiveCoilName", "SequenceName"),
    *("ContrastBolusAgent", "ProtocolName", "PatientID", "FrameOfReferenceUID", "AcquisitionNumber"),
    *("FrameReferenceTime", "AcquisitionDateTime", "AcquisitionTime", "ContentTime", "DiffusionGradientOrientation"),
    "InstanceNumber",
)
"""What may tell volumes of one series apart, the plainest first."""
OF_ALL = ("PatientID", "FrameOfReferenceUID", "ImageType")
"""Of those, what a file with several frames says once for all of them."""
MOST_TELLING = (
    *("EffectiveEchoTime", "TemporalPositionIndex", "TemporalPositionIdentifier", "TemporalPositionTimeOffset"),
    *("DiffusionBValue", "StackID", "ComplexImageComponent", "NominalPercentageOfCardiacPhase"),
    *("NominalCardiacTriggerDelayTime", "FrameType", "InversionTimes", "FlipAngle", "ConvolutionKernel"),
    "FrameAcquisitionNumber",
)
OF_EACH_FRAME = frozenset(
    ("DimensionIndexValues", "InStackPositionNumber", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
) | {"SliceThickness", "SpacingBetweenSlices", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"}

HEADER = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "Rows", "Columns", "NumberOfFrames"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "ConcatenationUID"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", *TELL_APART),
    *("LUTDescriptor", "LUTData"),
)
TAGS = {keyword: int(tag_for_keyword(keyword) or 0) for keyword in HEADER}
NUMBERS = {"US": "u2", "SS": "i2", "UL": "u4", "SL": "i4", "FL": "f4", "FD": "f8", "US or SS": "u2"}
