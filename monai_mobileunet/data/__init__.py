"""Cases of a training set: found, paired by name, split by subject, checked, and cut into slices."""

from monai_mobileunet.data.cases import case_name, find_cases, find_class_names, find_parts, split_cases
from monai_mobileunet.data.checks import check_case, check_cases
from monai_mobileunet.data.datalist import load_cases
from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.images import find_images
from monai_mobileunet.data.slices import RandSliceSamplesd

__all__ = [
    "DataError",
    "Finding",
    "RandSliceSamplesd",
    "case_name",
    "check_case",
    "check_cases",
    "find_cases",
    "find_class_names",
    "find_images",
    "find_parts",
    "load_cases",
    "split_cases",
]
