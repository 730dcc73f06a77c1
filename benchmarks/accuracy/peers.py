"""What is put in the place of a bundle's network, and what has been published of a 3D one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from monai.data.utils import dense_patch_slices
from monai.networks.nets import DynUNet
from torch import nn

from benchmarks.networks import PEERS
from monai_mobileunet.networks.info import count_macs

__all__ = ["OURS", "PUBLISHED", "Published", "SliceNetwork", "dynunet_macs", "network_override"]

OURS = "the bundle's"


class SliceNetwork(nn.Module):
    """Any 2D network with the two manners that a bundle's inferer counts on.

    Images of any size are padded at their far edges to what the network takes, by repeating the border, and cropped
    back; and where several slices are predicted at once, they are an axis of the scores.

    Args:
        network: takes ``(B, C, H, W)``, returns ``(B, classes * out_slices, H, W)``.
        divisor: what height and width have to be multiples of.
        smallest: height and width at least.
        out_slices: predicted at once.
    """

    def __init__(self, network: nn.Module, divisor: int = 1, smallest: int = 1, out_slices: int = 1) -> None:
        super().__init__()
        self.network = network
        self.divisor = divisor
        self.smallest = smallest
        self.out_slices = out_slices

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores ``(B, classes, H, W)``, or ``(B, classes, out_slices, H, W)``."""
        height, width = x.shape[2:]
        rows, columns = (max(self.smallest, size + -size % self.divisor) - size for size in (height, width))
        padded = F.pad(x, (0, columns, 0, rows), mode="replicate")
        scores = self.network(padded)[..., :height, :width]
        return scores.unflatten(1, (-1, self.out_slices)) if self.out_slices > 1 else scores


def network_override(peer: str) -> dict[str, Any]:
    """The change to a bundle's configs that puts a peer in its network's place; none for the bundle's own."""
    if peer == OURS:
        return {}
    network = PEERS[peer]
    channels = {
        "in_channels": "$@image_channels * (2 * @context + 1)",
        "out_channels": "$@num_classes * @out_slices",
    }
    return {
        "network_def": {
            "_target_": f"{__name__}.{SliceNetwork.__name__}",
            "network": {**network.definition, **channels},
            "divisor": network.divisor,
            "smallest": network.smallest,
            "out_slices": "@out_slices",
        }
    }


@dataclass(frozen=True)
class Published:
    """A result of others, for the picture.

    Attributes:
        name: of the network.
        dice: per class, in the order of the bundle's.
        cases: that it was measured on.
        patch: of its sliding windows.
        passes: over the mirrored volume, the plain one included.
        source: where it stands.
    """

    name: str
    dice: tuple[float, ...]
    cases: int
    patch: tuple[int, int, int]
    passes: int
    source: str


PUBLISHED: dict[str, Published] = {
    "hippocampus_mri_segmentation": Published(
        "3D DynUNet (published, another split)",
        (0.9007, 0.8835),
        52,
        (40, 56, 40),
        8,
        "https://github.com/Project-MONAI/tutorials/tree/main/modules/dynunet_pipeline, fold 0, validated with "
        "-tta_val True",
    )
}
"""By the name of a bundle's folder."""


def dynunet_macs(published: Published, shapes: Iterable[Sequence[int]], classes: int) -> list[int]:
    """Multiply-accumulates of MONAI's DynUNet pipeline for volumes; nothing is computed.

    Its network for the Decathlon has a level for every halving of the patch that leaves four voxels, and 32
    channels that double from level to level; the windows overlap by half.

    Args:
        published: whose patch and passes.
        shapes: ``(H, W, D)`` of the volumes.
        classes: with the background.
    """
    levels = 1
    while all(length // 2 ** (levels - 1) >= 8 for length in published.patch):
        levels += 1
    strides = [[1] * 3] + [[2] * 3] * (levels - 1)
    with torch.device("meta"):
        network = DynUNet(3, 1, classes, [[3] * 3] * levels, strides, strides[1:], norm_name="instance").eval()
    per_window = count_macs(network, (1, 1, *published.patch)).total * published.passes
    step = [length // 2 for length in published.patch]
    padded = ([max(pair) for pair in zip(shape, published.patch, strict=True)] for shape in shapes)
    return [per_window * len(dense_patch_slices(shape, published.patch, step)) for shape in padded]
