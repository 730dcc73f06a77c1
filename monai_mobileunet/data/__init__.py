"""Cases of a training set: found, paired by name, split by subject, and checked."""

from monai_mobileunet.data.cases import case_name, find_all_cases, find_cases, find_class_names, find_parts, split_cases
from monai_mobileunet.data.checks import check_case, check_cases
from monai_mobileunet.data.datalist import load_cases
from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.images import find_images

__all__ = [
    "DataError",
    "Finding",
    "case_name",
    "check_case",
    "check_cases",
    "find_all_cases",
    "find_cases",
    "find_class_names",
    "find_images",
    "find_parts",
    "load_cases",
    "split_cases",
]
