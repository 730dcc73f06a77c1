"""MobileNet encoders, the UNet decoder, MobileUNet and its named variants. Knows nothing of cases and bundles."""

from monai_mobileunet.networks.decoders import UNetDecoder
from monai_mobileunet.networks.encoder_tables import ENCODERS
from monai_mobileunet.networks.encoders import FeatureInfo, MobileNetEncoder
from monai_mobileunet.networks.flexible_unet import FlexibleUNetEncoder
from monai_mobileunet.networks.mobile_unet import MobileUNet
from monai_mobileunet.networks.variants import VARIANTS, create_network

__all__ = [
    "ENCODERS",
    "VARIANTS",
    "FeatureInfo",
    "FlexibleUNetEncoder",
    "MobileNetEncoder",
    "MobileUNet",
    "UNetDecoder",
    "create_network",
]
