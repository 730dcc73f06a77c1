"""How good a segmentation is, in numbers and pictures."""

from monai_mobileunet.evaluation.overlap import dice_per_class
from monai_mobileunet.evaluation.pictures import draw_overlay

__all__ = ["dice_per_class", "draw_overlay"]
