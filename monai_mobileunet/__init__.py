"""Light-weight MobileNet-UNet segmentation of the slices of CT and MRI volumes, as a MONAI plugin.

Not a medical device; not for diagnostic use.
"""

from importlib.metadata import version

import monai_mobileunet.networks.flexible_unet  # noqa: F401 (its import makes the encoders FlexibleUNet's backbones)
from monai_mobileunet.inferers import ContextSliceInferer
from monai_mobileunet.networks import MobileUNet
from monai_mobileunet.segmentation import Segmenter

__version__ = version("monai_mobileunet")

__all__ = ["ContextSliceInferer", "MobileUNet", "Segmenter", "__version__"]
