"""Losses that MONAI has not: of labels that do not say everything."""

from monai_mobileunet.losses.partial import PartialDiceCELoss

__all__ = ["PartialDiceCELoss"]
