"""What goes into a bundle's network and what comes out, as ``metadata.json`` describes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["channel_names_of", "class_channels", "class_names_of", "describe_format"]

MIDDLE = re.compile(r"slice 0(, |$)")
"""How the names of the channels of the middle slice begin."""


def class_channels(class_names: Sequence[str]) -> dict[str, str]:
    """``channel_def`` of a network's scores.

    Args:
        class_names: of the classes from 1 on.
    """
    return {str(number): name for number, name in enumerate(("background", *class_names))}


def class_names_of(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the classes from 1 on, by the channels of the output in ``metadata.json``."""
    channels = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    return tuple(channels[number] for number in sorted(channels, key=int) if int(number) > 0)


def channel_names_of(metadata: Mapping[str, Any], image_channels: int) -> list[str]:
    """Names of the preprocessed image's channels, by those of the middle slice in ``metadata.json``.

    Args:
        metadata: of the bundle.
        image_channels: of the preprocessed image.

    Returns:
        As many as there are channels; ``""`` for one that has no name.
    """
    channels = metadata["network_data_format"]["inputs"]["image"].get("channel_def", {})
    middle = [name for _, name in sorted(channels.items(), key=lambda item: int(item[0])) if MIDDLE.match(name)]
    names = [name[len("slice 0") :].removeprefix(", ") for name in middle]
    if len(names) != image_channels:
        return [""] * image_channels
    return ["" if name == f"channel {number}" else name for number, name in enumerate(names)]


def describe_format(
    form: Mapping[str, Any],
    class_names: Sequence[str],
    image_channels: int,
    context: int,
    out_slices: int,
    channel_names: Sequence[str] = (),
) -> dict[str, Any]:
    """``network_data_format`` with what follows from a bundle's settings; all else stays as it is.

    Args:
        form: the former one.
        class_names: of the classes from 1 on.
        image_channels: of the preprocessed image.
        context: neighbouring slices on each side that the network sees.
        out_slices: slices that the network predicts at once.
        channel_names: of the preprocessed image's channels; numbers stand for them if there are fewer.
    """
    image, pred = form["inputs"]["image"], form["outputs"]["pred"]
    names = list(channel_names)[:image_channels]
    if len(names) < image_channels or not all(names):
        names = [f"channel {number}" for number in range(image_channels)] if image_channels > 1 else [""]
    slices = [f"slice {offset:+d}" if offset else "slice 0" for offset in range(-context, context + 1)]
    channels = [f"{place}, {name}" if name else place for place in slices for name in names]
    inputs = {"num_channels": len(channels), "channel_def": {str(n): name for n, name in enumerate(channels)}}
    outputs: dict[str, Any] = {"num_channels": len(class_names) + 1, "channel_def": class_channels(class_names)}
    if "value_range" in pred:
        outputs["value_range"] = [0, len(class_names)]
    if "spatial_shape" in pred:
        outputs["spatial_shape"] = [out_slices, "*", "*"] if out_slices > 1 else ["*", "*"]
    return {
        **form,
        "inputs": {**form["inputs"], "image": {**image, **inputs}},
        "outputs": {**form["outputs"], "pred": {**pred, **outputs}},
    }
