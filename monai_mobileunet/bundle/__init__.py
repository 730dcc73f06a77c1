"""Bundles as folders: what one holds, whether it agrees with itself, and the weights of its network."""

from monai_mobileunet.bundle.bundle import Bundle, check_running_bundle, running_bundle_root, samples_dropout
from monai_mobileunet.bundle.range_checks import CheckImaged, CheckMaskd

__all__ = ["Bundle", "CheckImaged", "CheckMaskd", "check_running_bundle", "running_bundle_root", "samples_dropout"]
