"""How good a segmentation is, in numbers."""

from monai_mobileunet.evaluation.comparison import CaseFiles, CaseResult, compare_case, measure_files
from monai_mobileunet.evaluation.metrics import ClassResult, Outcome, measure_case
from monai_mobileunet.evaluation.pairing import Masks, pair_masks
from monai_mobileunet.evaluation.summary import ClassSummary, summarise

__all__ = [
    "CaseFiles",
    "CaseResult",
    "ClassResult",
    "ClassSummary",
    "Masks",
    "Outcome",
    "compare_case",
    "measure_case",
    "measure_files",
    "pair_masks",
    "summarise",
]
