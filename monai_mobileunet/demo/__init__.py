"""A tour of the main job on an embedded default."""

from monai_mobileunet.demo.brains import make_cohort
from monai_mobileunet.demo.tour import run_demo

__all__ = ["make_cohort", "run_demo"]
