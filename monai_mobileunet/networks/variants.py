"""Named networks: a row each.

The MobileNet-UNets of the literature have the published topology and parameters, but for what ``source``
says; the project's own are the sizes worth choosing from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monai.utils import look_up_option

from monai_mobileunet.networks.mobile_unet import MobileUNet
from monai_mobileunet.networks.pretrained import key_map

__all__ = ["VARIANTS", "Variant", "create_network", "smp_key_map"]


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


VARIANTS: dict[str, Variant] = {
    "mobileunet_tiny": Variant(
        "half the width of small",
        {"encoder": "mobilenetv4_conv_small", "width": 0.5, "decoder_channels": (32, 24, 16, 16)},
    ),
    "mobileunet_small": Variant("the default: V4-conv-small, slim decoder", {"encoder": "mobilenetv4_conv_small"}),
    "mobileunet_base": Variant(
        "two 3×3 per stage and a head at full resolution",
        {
            "encoder": "mobilenetv4_conv_small",
            "block": "double_conv",
            "decoder_channels": (96, 64, 48, 32, 24),
            "head": "full",
        },
    ),
    "mobileunet_large": Variant(
        "V4-conv-medium, twice the decoder channels of small",
        {
            "encoder": "mobilenetv4_conv_medium",
            "block": "double_conv",
            "decoder_channels": (128, 96, 64, 48, 32),
            "head": "full",
        },
    ),
    "mobileunet_fine": Variant(
        "for slices up to about 96 pixels: stem and decoder at full resolution",
        {
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
            "deep_supervision": None,
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
            "deep_supervision": None,
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
            "upsample": "none",
            "decoder_channels": (576, 192, 96, 64),
            "head": "transposed",
            "deep_supervision": None,
        },
        source="MobileNetV2 (arXiv 1801.04381), skips at the expanded ReLU6 of block_1, block_3, block_6 and "
        "block_13. The listing that circulates taps three skips and cannot run: features at 1/32, up-sampled "
        "once, meet a skip at 1/8. This is the form that runs",
    ),
}


def create_network(
    variant: str = "mobileunet_small",
    spatial_dims: int = 2,
    in_channels: int = 1,
    out_channels: int = 2,
    **arguments: Any,
) -> MobileUNet:
    """A named variant, for Python and for ``_target_`` in a bundle's config.

    Args:
        variant: key of :data:`VARIANTS`.
        spatial_dims: 2 or 3.
        in_channels: channels of the image; for slices with context, the number of slices.
        out_channels: classes, the background included.
        **arguments: any other argument of :class:`monai_mobileunet.networks.MobileUNet`, before the variant's.

    Returns:
        The network, freshly initialised, or with ImageNet weights in the encoder where ``pretrained`` says so.

    Raises:
        ValueError: a variant or an option that does not exist, with the ones that do.
    """
    row = VARIANTS[look_up_option(variant, set(VARIANTS))]
    return MobileUNet(spatial_dims, in_channels, out_channels, **{**row.arguments, **arguments})


def smp_key_map(network: MobileUNet) -> dict[str, str]:
    """Which key of ``segmentation_models_pytorch.Unet("mobilenet_v2")`` belongs to which of ``mobilenetv2_unet``.

    Args:
        network: ``create_network("mobilenetv2_unet", head_kernel_size=3, ...)``.

    Returns:
        From every key of the network's state dict to that of segmentation_models.pytorch 0.6.

    Example::

        published = smp.Unet("mobilenet_v2", in_channels=1, classes=2).state_dict()
        network.load_state_dict({ours: published[theirs] for ours, theirs in smp_key_map(network).items()})

    Raises:
        ValueError: a network of another shape.
    """
    if len(network.encoder.stages) != 5 or not network.encoder.last_conv or len(network.decoder.stages) != 5:
        raise ValueError("smp_key_map takes create_network('mobilenetv2_unet', …); this network has another shape.")
    keys = {
        f"encoder.{ours}": f"encoder.{theirs}" for ours, theirs in key_map(network.encoder, "torchvision_v2").items()
    }
    for ours in network.state_dict():
        part, *path = ours.split(".")
        if part == "decoder":  # stages.<stage>.block.<convolution>.conv.weight or ….adn.N.<parameter>
            _, stage, _, convolution, layer, *_ = path
            unit = 0 if layer == "conv" else 1
            keys[ours] = f"decoder.blocks.{stage}.conv{int(convolution) + 1}.{unit}.{path[-1]}"
        elif part == "head":
            keys[ours] = f"segmentation_head.0.{path[-1]}"
    return keys
