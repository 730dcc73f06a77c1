"""Losses that MONAI has not: of labels that do not say everything, and of regions that are unions of classes."""

from monai_mobileunet.losses.partial import PartialDiceCELoss

__all__ = ["PartialDiceCELoss"]
