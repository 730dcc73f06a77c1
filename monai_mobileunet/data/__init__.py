"""Images read and masks written; cases of a training set: found, paired by name, split by subject, and checked."""

from monai_mobileunet.data.caching import CachedCases
from monai_mobileunet.data.case_dataset import CaseDataset, collate_cases
from monai_mobileunet.data.cases import find_all_cases, find_cases, find_class_names, find_parts, split_cases
from monai_mobileunet.data.checks import check_case, check_cases
from monai_mobileunet.data.datalist import check_dataset, load_cases
from monai_mobileunet.data.errors import DataError, Finding
from monai_mobileunet.data.formats import case_name
from monai_mobileunet.data.images import find_images
from monai_mobileunet.data.reading import VolumeReader, read_volume
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.data.writing import write_mask

__all__ = [
    "CachedCases",
    "CaseDataset",
    "DataError",
    "Finding",
    "Volume",
    "VolumeReader",
    "case_name",
    "check_case",
    "check_cases",
    "check_dataset",
    "collate_cases",
    "find_all_cases",
    "find_cases",
    "find_class_names",
    "find_images",
    "find_parts",
    "load_cases",
    "read_volume",
    "split_cases",
    "write_mask",
]
