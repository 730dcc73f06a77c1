"""MobileNet encoders, the UNet decoder and MobileUNet. Knows nothing of files."""

from monai_mobileunet.networks.decoders import UNetDecoder
from monai_mobileunet.networks.encoders import ENCODERS, FeatureInfo, MobileNetEncoder
from monai_mobileunet.networks.mobile_unet import MobileUNet

__all__ = ["ENCODERS", "FeatureInfo", "MobileNetEncoder", "MobileUNet", "UNetDecoder"]
