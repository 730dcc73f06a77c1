"""Engines that MONAI lacks."""

from monai_mobileunet.engines.case_evaluator import CaseEvaluator
from monai_mobileunet.engines.shared_evaluator import SharedEvaluator

__all__ = ["CaseEvaluator", "SharedEvaluator"]
