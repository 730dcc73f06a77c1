"""Training sets: cases found, paired by name, split by subject, checked, and rewritten."""

from monai_mobileunet.data.datasets.cases import find_all_cases, find_cases, find_lists, find_parts, split_cases
from monai_mobileunet.data.datasets.checks import check_case, check_cases
from monai_mobileunet.data.datasets.datalist import check_dataset, load_cases
from monai_mobileunet.data.datasets.described import find_class_names
from monai_mobileunet.data.datasets.listing import Case
from monai_mobileunet.data.datasets.subjects import subject_by_pattern

__all__ = [
    "Case",
    "check_case",
    "check_cases",
    "check_dataset",
    "find_all_cases",
    "find_cases",
    "find_class_names",
    "find_lists",
    "find_parts",
    "load_cases",
    "split_cases",
    "subject_by_pattern",
]
