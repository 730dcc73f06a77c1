"""The description of a bundle for the page: the content of ``bundle.json``, all of it plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monai.utils import ensure_tuple_rep
from torch import nn

import monai_mobileunet
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.network_format import channel_names_of
from monai_mobileunet.data.errors import DataError, refusal
from monai_mobileunet.inferers import ContextSliceInferer
from monai_mobileunet.reports.page import NOTICE
from monai_mobileunet.runtimes import RuntimeInferer
from monai_mobileunet.runtimes.manifest import in_channels_of
from monai_mobileunet.slicing import slice_axes
from monai_mobileunet.webpage.transforms import described_steps

__all__ = ["INPUT", "NETWORK", "OUTPUT", "describe_bundle", "made_with"]

FORMAT = 1
"""Of the description; the page refuses another one."""

NETWORK, INPUT, OUTPUT = "network.onnx.gz", "image", "pred"
"""File of the network, beside the description, and the names of what goes into it and comes out."""

IMAGE, MASK = "image", "pred"
"""Names of the items that the preprocessing and the postprocessing begin with."""

INSTEAD = "or segment with mobileunet segment"

Step = dict[str, Any]


def made_with() -> str:
    """Name and version of this package, as files tell what wrote them."""
    return f"{monai_mobileunet.__name__} {monai_mobileunet.__version__}"


def describe_bundle(bundle: Bundle, network: nn.Module) -> dict[str, Any]:
    """Describe a bundle for the page, all but the file of its network.

    Args:
        bundle: what it is, with what was changed in it.
        network: the bundle's own.

    Raises:
        DataError: the bundle does something that the page does not; the message names the file, what it is, and what to
            do.
        RuntimeError: as which MONAI raises whatever a transform says of its arguments.
    """
    file = str(bundle.folder / "configs" / "inference.json")
    inference = _inference(bundle, file)
    preprocessing = described_steps(bundle.parser, "preprocessing", file)
    postprocessing = described_steps(bundle.parser, "postprocessing", file)
    copies = _copies(preprocessing, file)
    _check_mask_steps(postprocessing, file)
    _make(bundle)
    in_channels = in_channels_of(network)
    channels, rest = divmod(in_channels, 2 * inference["context"] + 1)
    if rest or channels % copies:
        problem = f"the network takes {in_channels} channels, which are no whole number of images with their context."
        raise refusal(file, problem, "Set context as in the training, and make as many copies of the image.")
    metadata = bundle.metadata
    names = channel_names_of(metadata, channels) if copies == 1 else [""] * (channels // copies)
    classes = zip(bundle.class_names, bundle.colours, strict=True)
    return {
        "format": FORMAT,
        "name": metadata.get("name", bundle.folder.name),
        "version": metadata.get("version", ""),
        "made_with": made_with(),
        "notice": NOTICE,
        "classes": [{"name": name, "colour": list(colour)} for name, colour in classes],
        "modality": bundle.modality or "",
        "channels": channels // copies,
        "channel_names": names,
        "training_data": metadata.get("training_data"),
        "preprocessing": preprocessing,
        "postprocessing": postprocessing,
        "inference": inference,
        "network": {
            "file": NETWORK,
            "in_channels": in_channels,
            "num_classes": len(bundle.class_names) + 1,
            "input": INPUT,
            "output": OUTPUT,
        },
    }


def _make(bundle: Bundle) -> None:
    """Make the transforms themselves: they refuse values that the page would compute something with."""
    _ = bundle.preprocessing, bundle.postprocessing


def _inference(bundle: Bundle, file: str) -> dict[str, Any]:
    """How the page cuts slices: what the bundle's inferer was made with."""
    inferer: Any = bundle.slice_inferer
    around: Any = bundle.inferer
    inside = around.inferer if type(around) is RuntimeInferer else around
    for one, entry in ((inferer, "slice_inferer"), (inside, "inferer")):
        if type(one) is not ContextSliceInferer:
            problem = f"{entry} is a {type(one).__name__}, which the page does not have."
            raise refusal(file, problem, f"Use monai_mobileunet.inferers.ContextSliceInferer, {INSTEAD}.")
    if not inferer.argmax:
        problem = "argmax is false; the page makes labels of the scores, and no probabilities."
        raise refusal(file, problem, f"Set it: --set argmax=true, {INSTEAD}.")
    if inferer.pads:
        problem = "slice_inferer has padding_mode or cval; the page takes slices as large as they are."
        raise refusal(file, problem, f"Leave both out if slices are no smaller than roi_size, {INSTEAD}.")
    return {
        "planes": [list(slice_axes(plane)) for plane in inferer.planes],
        "context": inferer.context,
        "mirror_axes": list(inferer.mirror_axes),
        "out_slices": inferer.out_slices,
        "out_step": inferer.out_step,
        "roi_size": [int(length) if length and length > 0 else -1 for length in inferer.orig_roi_size],
        "overlap": list(ensure_tuple_rep(inferer.overlap, 2)),
        "mode": str(inferer.mode.value if hasattr(inferer.mode, "value") else inferer.mode),
        "sigma_scale": list(ensure_tuple_rep(inferer.sigma_scale, 2)),
        "sw_batch_size": inferer.sw_batch_size,
    }


def _copies(steps: Sequence[Step], file: str) -> int:
    """How many times the channels of a file are in the preprocessed image, as in windows of CT."""
    items = {IMAGE: 1}
    for step in steps:
        needed = [*step["keys"], *([step["source_key"]] if "source_key" in step else [])]
        _require(step, needed, items, file)
        match step["transform"]:
            case "CopyItemsd":
                if len(step["names"]) != len(step["keys"]):
                    problem = f"CopyItemsd has {len(step['keys'])} keys and {len(step['names'])} names."
                    raise refusal(file, problem, "Give each key a name.")
                items |= {name: items[key] for key, name in zip(step["keys"], step["names"], strict=True)}
            case "ConcatItemsd":
                items[step["name"]] = sum(items[key] for key in step["keys"])
            case "DeleteItemsd":
                items = {name: count for name, count in items.items() if name not in step["keys"]}
    if IMAGE not in items:
        problem = f"the preprocessing leaves no {IMAGE} for the network."
        raise refusal(file, problem, f"Name what it ends with {IMAGE}.")
    return items[IMAGE]


def _check_mask_steps(steps: Sequence[Step], file: str) -> None:
    """The page has a mask and the image that it belongs to, and gives the mask on the image's own grid."""
    for step in steps:
        _require(step, step["keys"], [MASK], file)
        _require(step, [step.get("orig_keys", IMAGE)], [IMAGE], file)
    if not any(step["transform"] == "RestoreGridd" for step in steps):
        problem = "the postprocessing has no RestoreGridd: a mask would not lie on the grid of its image."
        raise refusal(file, problem, "Add monai_mobileunet.transforms.RestoreGridd as its last transform but saving.")


def _require(step: Step, needed: Sequence[str], items: Any, file: str) -> None:
    unknown: list[str] = [name for name in needed if name not in items]
    if unknown:
        there = ", ".join(items) or "no item"
        problem = f"{step['transform']} works on the item {unknown[0]}; the page has {there} there."
        raise _unknown_item(file, problem)


def _unknown_item(file: str, problem: str) -> DataError:
    return refusal(file, problem, f"Name an item that is there, {INSTEAD}.")
