"""From slices to volumes: context, windows, batches and planes around a 2D network. Knows nothing of bundles."""

from monai_mobileunet.inferers.autocast import AutocastInferer, has_bfloat16
from monai_mobileunet.inferers.mirrored import MirroredInferer
from monai_mobileunet.inferers.slice_inferer import ContextSliceInferer

__all__ = ["AutocastInferer", "ContextSliceInferer", "MirroredInferer", "has_bfloat16"]
