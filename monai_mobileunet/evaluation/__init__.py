"""How good a segmentation is, in numbers and pictures."""

from monai_mobileunet.evaluation.comparison import CaseFiles, CaseResult, compare_case
from monai_mobileunet.evaluation.metrics import ClassResult, Outcome, measure_case
from monai_mobileunet.evaluation.pictures import draw_overlay
from monai_mobileunet.evaluation.report import Evaluation, write_report
from monai_mobileunet.evaluation.summary import ClassSummary, summarise

__all__ = [
    "CaseFiles",
    "CaseResult",
    "ClassResult",
    "ClassSummary",
    "Evaluation",
    "Outcome",
    "compare_case",
    "draw_overlay",
    "measure_case",
    "summarise",
    "write_report",
]
