"""Named networks, a row each: data alone, so that they are listed without torch.

The MobileNet-UNets of the literature have the published topology and parameters, but for what ``source``
says; the project's own are the sizes worth choosing from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["VARIANTS", "Variant"]


@dataclass(frozen=True)
class Variant:
    """A row of :data:`VARIANTS`.

    Attributes:
        summary: what it is, for a table.
        source: paper or repository; empty for the project's own.
        arguments: of :class:`monai_mobileunet.networks.MobileUNet`.
    """

    summary: str
    arguments: dict[str, Any]
    source: str = ""


OWN: dict[str, Any] = {"deep_supervision": False}
"""What the project's own networks share: they have heads for deep supervision, used or not, so that weights, their
hashes and the states of optimisers fit from one training to the next."""

VARIANTS: dict[str, Variant] = {
    "mobileunet_tiny": Variant(
        "half the width of small",
        {**OWN, "encoder": "mobilenetv4_conv_small", "width": 0.5, "decoder_channels": (32, 24, 16, 16)},
    ),
    "mobileunet_small": Variant(
        "the default: V4-conv-small, slim decoder", {**OWN, "encoder": "mobilenetv4_conv_small"}
    ),
    "mobileunet_base": Variant(
        "small with two 3×3 convolutions on more channels per stage",
        {
            **OWN,
            "encoder": "mobilenetv4_conv_small",
            "block": "double_conv",
            "decoder_channels": (64, 48, 32, 24),
        },
    ),
    "mobileunet_large": Variant(
        "V4-conv-medium, wide decoder, a stage and a head at full resolution",
        {
            **OWN,
            "encoder": "mobilenetv4_conv_medium",
            "block": "double_conv",
            "decoder_channels": (128, 96, 64, 48, 32),
            "head": "full",
        },
    ),
    "mobileunet_fine": Variant(
        "for slices up to about 96 pixels: stem and decoder at full resolution",
        {
            **OWN,
            "encoder": "mobilenetv4_conv_small",
            "stem_stride": 1,
            "depth": 4,
            "block": "double_conv",
            "decoder_channels": (64, 48, 32),
        },
    ),
    "mobileunet_fine_large": Variant(
        "twice the decoder channels of fine",
        {
            **OWN,
            "encoder": "mobilenetv4_conv_small",
            "stem_stride": 1,
            "depth": 4,
            "block": "double_conv",
            "decoder_channels": (128, 96, 64),
        },
    ),
    "mobilenetv1_unet": Variant(
        "MobileNetV1-UNet for embedded use, stem at full resolution",
        {
            "encoder": "mobilenetv1",
            "stem_stride": 1,
            "merge": "concat_after",
            "block": "double_conv_bias",
            "decoder_channels": (512, 256, 128, 64),
            "skips": 2,
        },
        source="MobileNetV1 (arXiv 1704.04861) under a UNet (arXiv 1505.04597); skips at 1/8 and 1/4 only, each "
        "concatenated behind its double convolution",
    ),
    "mobilenetv2_unet": Variant(
        "MobileNetV2-UNet of segmentation_models.pytorch",
        {
            "encoder": "mobilenetv2",
            "last_conv": True,
            "merge": "concat",
            "block": "double_conv",
            "decoder_channels": (256, 128, 64, 32, 16),
            "head": "full",
        },
        source="https://github.com/qubvel-org/segmentation_models.pytorch 0.6, Unet('mobilenet_v2'); the head is 1×1 "
        "here, and with head_kernel_size=3 exactly that one",
    ),
    "mobilenetv2_unet_transposed": Variant(
        "MobileNetV2-UNet in Keras' style: skips at the expansions, transposed convolutions",
        {
            "encoder": "mobilenetv2",
            "taps": "expansion",
            "merge": "concat_after",
            "block": "transposed_conv",
            "decoder_channels": (576, 192, 96, 64),
            "head": "transposed",
        },
        source="MobileNetV2 (arXiv 1801.04381), skips at the expanded ReLU6 of block_1, block_3, block_6 and "
        "block_13. The listing that circulates taps three skips and cannot run: features at 1/32, up-sampled "
        "once, meet a skip at 1/8. This is the form that runs",
    ),
}
