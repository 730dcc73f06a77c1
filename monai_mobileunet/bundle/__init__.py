"""Bundles as folders: what one holds, whether it agrees with itself, and the weights of its network."""

from typing import TYPE_CHECKING

from monai_mobileunet.importing import names_from

if TYPE_CHECKING:
    from monai_mobileunet.bundle.bundle import Bundle, check_running_bundle, running_bundle_root, samples_dropout
    from monai_mobileunet.bundle.range_checks import CheckImaged, CheckMaskd

__all__ = ["Bundle", "CheckImaged", "CheckMaskd", "check_running_bundle", "running_bundle_root", "samples_dropout"]

# what reads a bundle's files alone needs no MONAI
__getattr__ = names_from(__name__, __all__, ("bundle", "range_checks"))
