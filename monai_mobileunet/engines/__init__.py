"""Engines that MONAI lacks."""

from monai_mobileunet.engines.case_evaluator import CaseEvaluator

__all__ = ["CaseEvaluator"]
