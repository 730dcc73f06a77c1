"""How good a segmentation is, in numbers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_mobileunet.evaluation.comparison import WHOLE, Annotation, measure_files
    from monai_mobileunet.evaluation.metrics import check_installed, measure_case
    from monai_mobileunet.evaluation.results import TOLERANCE, ClassResult, Outcome
    from monai_mobileunet.evaluation.summary import ClassSummary, summarise

__all__ = [
    "TOLERANCE",
    "WHOLE",
    "Annotation",
    "ClassResult",
    "ClassSummary",
    "Outcome",
    "check_installed",
    "measure_case",
    "measure_files",
    "summarise",
]

ROOMS = ("results", "summary", "metrics", "comparison")
"""Where the names are from, those that need the least first: the last two need MONAI and torch."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        for room in (import_module(f"{__name__}.{room}") for room in ROOMS):
            if hasattr(room, name):
                return getattr(room, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
