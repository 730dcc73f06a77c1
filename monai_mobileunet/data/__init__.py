"""Images read and masks written; cases of a training set: found, paired by name, split by subject, and checked."""

from typing import TYPE_CHECKING

from monai_mobileunet.importing import names_from

if TYPE_CHECKING:
    from monai_mobileunet.data.datasets import (
        check_case,
        check_cases,
        check_dataset,
        find_all_cases,
        find_cases,
        find_class_names,
        find_parts,
        load_cases,
        split_cases,
        subject_by_pattern,
    )
    from monai_mobileunet.data.errors import DataError, Finding
    from monai_mobileunet.data.loading import CachedCases, CaseDataset, VolumeReader, collate_cases
    from monai_mobileunet.data.names import case_name
    from monai_mobileunet.data.reading import read_volume
    from monai_mobileunet.data.search import find_images
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
    "subject_by_pattern",
    "write_mask",
]

ROOMS = ("errors", "names", "volume", "reading", "writing", "search", "datasets", "loading")
"""Where the names are from, those that need the least first: only the last one needs MONAI and torch."""

__getattr__ = names_from(__name__, __all__, ROOMS)
