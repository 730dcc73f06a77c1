"""What the keys of published state dicts are called here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from monai_mobileunet.networks.blocks import FusedInvertedBottleneck, UniversalInvertedBottleneck
from monai_mobileunet.networks.literature import InvertedResidual, SqueezeExcite

__all__ = ["LAYOUTS", "key_map", "smp_key_map"]

Names = Iterator[tuple[str, str]]  # prefix here, prefix in the published file


def key_map(encoder: Any, layout: str) -> dict[str, str]:
    """Which key of a published state dict belongs to which key of an encoder's.

    Args:
        encoder: a :class:`monai_mobileunet.networks.MobileNetEncoder` with ``taps="stage"``.
        layout: key of :data:`LAYOUTS`.

    Returns:
        From the encoder's keys, in their order, to the published ones.
    """
    prefixes = dict(LAYOUTS[layout](encoder))
    keys = {}
    for key in encoder.state_dict():
        prefix, _, parameter = key.rpartition(".")
        keys[key] = f"{prefixes[prefix]}.{parameter}"
    return keys


def smp_key_map(network: Any) -> dict[str, str]:
    """Which key of ``segmentation_models_pytorch.Unet("mobilenet_v2")`` belongs to which of ``mobilenetv2_unet``.

    Args:
        network: ``create_network("mobilenetv2_unet", head_kernel_size=3, ...)``.

    Returns:
        From every key of the network's state dict to that of segmentation_models.pytorch 0.6.

    Example:
        ```python
        published = smp.Unet("mobilenet_v2", in_channels=1, classes=2).state_dict()
        network.load_state_dict({ours: published[theirs] for ours, theirs in smp_key_map(network).items()})
        ```

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


def _blocks(encoder: Any) -> Iterator[tuple[int, int, str, Any]]:
    stages: Any = encoder.stages
    for stage, blocks in enumerate(stages):
        for index, block in enumerate(blocks):
            yield stage, index, f"stages.{stage}.{index}", block


def _pair(ours: str, conv: str, norm: str) -> Names:
    yield f"{ours}.conv", conv
    yield f"{ours}.adn.N", norm


def _torchvision_v2(encoder: Any) -> Names:
    for position, (_, _, ours, block) in enumerate(_blocks(encoder)):
        theirs = f"features.{position}"
        if not isinstance(block, InvertedResidual):
            yield from _pair(ours, f"{theirs}.0", f"{theirs}.1")
            continue
        *inner, last = range(len(block.layers))
        for layer in inner:
            yield from _pair(f"{ours}.layers.{layer}", f"{theirs}.conv.{layer}.0", f"{theirs}.conv.{layer}.1")
        yield from _pair(f"{ours}.layers.{last}", f"{theirs}.conv.{last}", f"{theirs}.conv.{last + 1}")


def _torchvision_v3(encoder: Any) -> Names:
    for position, (_, _, ours, block) in enumerate(_blocks(encoder)):
        theirs = f"features.{position}"
        if not isinstance(block, InvertedResidual):
            yield from _pair(ours, f"{theirs}.0", f"{theirs}.1")
            continue
        for layer, module in enumerate(block.layers):
            if isinstance(module, SqueezeExcite):
                yield f"{ours}.layers.{layer}.layers.1", f"{theirs}.block.{layer}.fc1"
                yield f"{ours}.layers.{layer}.layers.3", f"{theirs}.block.{layer}.fc2"
            else:
                yield from _pair(f"{ours}.layers.{layer}", f"{theirs}.block.{layer}.0", f"{theirs}.block.{layer}.1")


def _timm_layout(encoder: Any) -> Names:
    positions = [(stage, index) for stage, index, *_ in _blocks(encoder)]
    first_stage = 0 if (0, 1) in positions else 1  # timm counts its stages without the stem
    last = positions[-1] if encoder.last_conv else None
    for stage, index, ours, block in _blocks(encoder):
        if stage == index == 0:
            yield from _pair(ours, "conv_stem", "bn1")
            continue
        theirs = f"blocks.{stage - first_stage}.{index - (stage == 0)}"
        if isinstance(block, UniversalInvertedBottleneck):
            for layer, part in enumerate(_parts(block)):
                yield from _pair(f"{ours}.layers.{layer}", f"{theirs}.{part}.conv", f"{theirs}.{part}.bn")
        elif isinstance(block, FusedInvertedBottleneck):
            yield from _pair(f"{ours}.layers.0", f"{theirs}.conv_exp", f"{theirs}.bn1")
            yield from _pair(f"{ours}.layers.1", f"{theirs}.conv_pwl", f"{theirs}.bn2")
        elif type(block) is nn.Sequential:
            yield from _pair(f"{ours}.0", f"{theirs}.conv_dw", f"{theirs}.bn1")
            yield from _pair(f"{ours}.1", f"{theirs}.conv_pw", f"{theirs}.bn2")
        elif (stage, index) == last:
            theirs = f"blocks.{stage + 1 - first_stage}.0"  # a stage of its own there
            yield from _pair(ours, f"{theirs}.conv", f"{theirs}.bn1")
        else:
            yield from _pair(ours, f"{theirs}.conv", f"{theirs}.bn1")


def _parts(block: Any) -> list[str]:
    depthwise = [layer.conv.groups > 1 for layer in block.layers]
    start, middle = depthwise[0], any(depthwise[1:])
    return ["dw_start"] * start + ["pw_exp"] + ["dw_mid"] * middle + ["pw_proj"]


LAYOUTS: dict[str, Callable[[Any], Names]] = {
    "torchvision_v2": _torchvision_v2,
    "torchvision_v3": _torchvision_v3,
    "timm": _timm_layout,
}
