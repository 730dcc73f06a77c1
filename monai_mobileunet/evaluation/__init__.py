"""How good a segmentation is, in numbers."""

from typing import TYPE_CHECKING

from monai_mobileunet.importing import names_from

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

__getattr__ = names_from(__name__, __all__, ROOMS)
