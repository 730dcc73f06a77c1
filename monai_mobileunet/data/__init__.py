"""Images read and masks written; cases of a training set: found, paired by name, split by subject, and checked."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    "write_mask",
]

_HOMES = {
    "datasets": (
        *("check_case", "check_cases", "check_dataset", "find_all_cases", "find_cases", "find_class_names"),
        *("find_parts", "load_cases", "split_cases"),
    ),
    "errors": ("DataError", "Finding"),
    "loading": ("CachedCases", "CaseDataset", "VolumeReader", "collate_cases"),
    "names": ("case_name",),
    "reading": ("read_volume",),
    "search": ("find_images",),
    "volume": ("Volume",),
    "writing": ("write_mask",),
}


def __getattr__(name: str) -> Any:
    """Import on demand, so that rooms as ``files`` and ``errors`` need neither torch nor MONAI."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
