"""How good a segmentation is, in numbers."""

from monai_mobileunet.evaluation.comparison import WHOLE, Annotation, measure_files
from monai_mobileunet.evaluation.metrics import TOLERANCE, ClassResult, Outcome, check_installed, measure_case
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
