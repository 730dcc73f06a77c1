"""The encoders as backbones of MONAI's FlexibleUNet.

Importing the package adds them to MONAI's table of backbones, so that
``FlexibleUNet(in_channels, out_channels, backbone="mobilenetv2")`` works from Python and from a config. The table holds
no encoder but what makes one: MONAI may be imported in the midst of :mod:`monai_mobileunet.networks.encoders`.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any

from monai.networks.blocks import BaseEncoder
from monai.networks.nets.flexible_unet import FLEXUNET_BACKBONE

from monai_mobileunet.networks.encoder_tables import ENCODERS

if TYPE_CHECKING:
    from monai_mobileunet.networks.encoders import MobileNetEncoder

__all__ = ["FlexibleUNetEncoder"]


class FlexibleUNetEncoder(BaseEncoder):
    """Makes a MobileNet encoder, and has the class methods by which FlexibleUNet gets to know its backbones.

    Args:
        name: key of :data:`monai_mobileunet.networks.encoder_tables.ENCODERS`.
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        pretrained: ImageNet weights; see :class:`monai_mobileunet.networks.MobileNetEncoder`.
    """

    def __new__(  # type: ignore[misc]
        cls, name: str, spatial_dims: int = 2, in_channels: int = 1, pretrained: bool | str | PathLike = False
    ) -> MobileNetEncoder:
        """A :class:`monai_mobileunet.networks.MobileNetEncoder`."""
        from monai_mobileunet.networks.encoders import MobileNetEncoder

        return MobileNetEncoder(name, spatial_dims, in_channels, pretrained=pretrained)

    @classmethod
    def get_encoder_parameters(cls) -> list[dict[str, Any]]:
        """Arguments per encoder; FlexibleUNet writes its own into them, so each gets a dictionary of its own."""
        return [{"name": name, "spatial_dims": 2, "in_channels": 1, "pretrained": False} for name in ENCODERS]

    @classmethod
    def num_channels_per_output(cls) -> list[tuple[int, ...]]:
        """Channels of the five features of each encoder, from fine to coarse."""
        return [tuple(stage[-1].out_channels for stage in spec.stages) for spec in ENCODERS.values()]

    @classmethod
    def num_outputs(cls) -> list[int]:
        """Features per encoder."""
        return [len(spec.stages) for spec in ENCODERS.values()]

    @classmethod
    def get_encoder_names(cls) -> list[str]:
        """What ``backbone`` may be."""
        return list(ENCODERS)


FLEXUNET_BACKBONE.register_class(FlexibleUNetEncoder)
