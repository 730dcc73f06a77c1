"""MobileNet encoders, the UNet decoder, MobileUNet and its named variants. Knows nothing of cases and bundles.

A name is imported when it is asked for: tables alone, as :data:`VARIANTS`, come without torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monai_mobileunet.networks.decoders import UNetDecoder
    from monai_mobileunet.networks.encoder_tables import ENCODERS
    from monai_mobileunet.networks.encoders import FeatureInfo, MobileNetEncoder
    from monai_mobileunet.networks.flexible_unet import FlexibleUNetEncoder
    from monai_mobileunet.networks.mobile_unet import MobileUNet, create_network
    from monai_mobileunet.networks.variants import VARIANTS

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

_MODULES = {
    "ENCODERS": "encoder_tables",
    "FeatureInfo": "encoders",
    "FlexibleUNetEncoder": "flexible_unet",
    "MobileNetEncoder": "encoders",
    "MobileUNet": "mobile_unet",
    "UNetDecoder": "decoders",
    "VARIANTS": "variants",
    "create_network": "mobile_unet",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
