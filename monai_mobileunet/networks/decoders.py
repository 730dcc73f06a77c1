"""The UNet decoder, built from what an encoder says of its features.

How a skip joins (:data:`MERGES`) and what is computed at each step (:data:`BLOCKS`) are independent choices; features
grow by nearest neighbours.

Why the defaults are as they are:

- Dense double convolutions over concatenated skips are most of the cost of a MobileNet-UNet.
- A 1×1 convolution over ``[up(deep), skip]`` equals ``up(1×1 of deep) + 1×1 of skip``: the deep half runs
  at the low resolution and nothing is concatenated. That is :class:`AddMerge`.
- One dense 3×3 convolution on few channels has more to learn with than a depthwise separable one, and costs
  runtimes little more time, although it has more multiplications.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from monai.utils import look_up_option
from torch import nn

from monai_mobileunet.networks.blocks import NameOrArgs, activation, conv_chain, conv_norm_act
from monai_mobileunet.networks.encoders import FeatureInfo
from monai_mobileunet.networks.literature import DECODER_BLOCKS, ConcatMerge, LateConcatStage

__all__ = ["BLOCKS", "DECODER_CHANNELS", "MERGES", "UNetDecoder"]

DECODER_CHANNELS = (48, 32, 16, 16)  # next to the encoder's stages 4, 3, 2, 1
FULL_SIZE_CHANNELS = 16  # of the stage above a stem with stride 2


BLOCKS: dict[str, Callable[..., nn.Module]] = {
    "conv": partial(conv_chain, 1),
    "double_conv": partial(conv_chain, 2),
    **DECODER_BLOCKS,
}


class AddMerge(nn.Module):
    """Project deep features and skip to the same channels with 1×1 convolutions, up-sample, add, activate.

    Each branch has its own normalisation, so that every runtime can fold it into the convolution.
    """

    def __init__(
        self,
        spatial_dims: int,
        deep_channels: int,
        skip_channels: int,
        out_channels: int,
        act: NameOrArgs,
        norm: NameOrArgs,
    ) -> None:
        super().__init__()
        project = partial(conv_norm_act, spatial_dims, out_channels=out_channels, kernel_size=1, act=None, norm=norm)
        self.project_deep = project(in_channels=deep_channels)
        self.project_skip = project(in_channels=skip_channels) if skip_channels else nn.Identity()
        self.up = nn.Upsample(scale_factor=2)
        self.act = activation(act)
        self.out_channels = out_channels

    def forward(self, deep: torch.Tensor, skip: torch.Tensor | None) -> torch.Tensor:
        merged = self.up(self.project_deep(deep))
        if skip is not None:
            merged = merged + self.project_skip(skip)
        return self.act(merged)


MERGES: dict[str, type[ConcatMerge] | type[AddMerge]] = {"concat": ConcatMerge, "add": AddMerge}
LATE_CONCAT = "concat_after"


class DecoderStage(nn.Module):
    """One step up: merge the deep features with the skip at twice their size, then the block."""

    def __init__(self, merge: nn.Module, block: nn.Module) -> None:
        super().__init__()
        self.merge = merge
        self.block = block

    def forward(self, deep: torch.Tensor, skip: torch.Tensor | None) -> torch.Tensor:
        return self.block(self.merge(deep, skip))


class UNetDecoder(nn.Module):
    """Decoder stages from the coarsest features to the finest that the head needs.

    Args:
        feature_info: the encoder's features, from fine to coarse.
        out_reduction: reduction of the decoder's output: 1 to go up to the image's resolution, or the
            reduction of the finest features to stop there (a sub-pixel head does the rest).
        decoder_channels: channels after each stage, from coarse to fine; ``None`` takes
            :data:`DECODER_CHANNELS`, whose last entry belongs to the finest skip.
        merge: key of :data:`MERGES`, or ``"concat_after"`` to concatenate behind the block.
        block: key of :data:`BLOCKS`; ``"transposed_conv"`` doubles the size itself, and only goes with
            ``merge="concat_after"``.
        skips: how many skips are connected, counted from the coarsest; ``None`` for all.
        act: activation.
        norm: normalisation.
        spatial_dims: 2 or 3.

    Attributes:
        channels: channels of the input and after each stage.

    Raises:
        ValueError: an unknown option, or not one channel count per stage.
    """

    def __init__(
        self,
        feature_info: Sequence[FeatureInfo],
        out_reduction: int = 1,
        decoder_channels: Sequence[int] | None = None,
        merge: str = "add",
        block: str = "conv",
        act: NameOrArgs = "relu",
        norm: NameOrArgs = "batch",
        spatial_dims: int = 2,
        skips: int | None = None,
    ) -> None:
        super().__init__()
        merge = look_up_option(merge, {*MERGES, LATE_CONCAT})
        block = look_up_option(block, set(BLOCKS))
        if block == "transposed_conv" and merge != LATE_CONCAT:
            raise ValueError(f"merge is {merge!r}; a transposed_conv block needs merge {LATE_CONCAT!r}.")

        *finer, coarsest = feature_info
        self.skips = len(finer) if skips is None else skips
        if not 0 <= self.skips <= len(finer):
            raise ValueError(f"skips is {skips}; this encoder has 0 to {len(finer)} skips.")
        skip_channels = [info.channels for info in reversed(finer)][: self.skips] + [0] * (len(finer) - self.skips)
        default_channels = DECODER_CHANNELS[len(DECODER_CHANNELS) - len(finer) :]
        if out_reduction < feature_info[0].reduction:
            skip_channels.append(0)  # no features of the encoder have the image's own resolution
            default_channels += (FULL_SIZE_CHANNELS,)
        stage_channels = default_channels if decoder_channels is None else tuple(decoder_channels)
        if len(stage_channels) != len(skip_channels) or min(stage_channels, default=1) < 1:
            raise ValueError(
                f"decoder_channels has {len(stage_channels)} entries {stage_channels}; this encoder and head need "
                f"one of at least 1 for each of {len(skip_channels)} decoder stages, from coarse to fine."
            )
        channels = [coarsest.channels]
        self.stages = nn.ModuleList()
        stage: DecoderStage | LateConcatStage
        for skip, out in zip(skip_channels, stage_channels, strict=True):
            deep = channels[-1]
            build = partial(BLOCKS[block], spatial_dims, out_channels=out, act=act, norm=norm)
            if merge == LATE_CONCAT:
                up = nn.Identity() if block == "transposed_conv" else nn.Upsample(scale_factor=2)
                stage = LateConcatStage(up, build(in_channels=deep))
            else:
                merged = MERGES[merge](spatial_dims, deep, skip, out, act, norm)
                stage = DecoderStage(merged, build(in_channels=merged.out_channels))
            self.stages.append(stage)
            channels.append(out + skip if merge == LATE_CONCAT else out)
        self.channels = tuple(channels)

    def forward(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        """Decode.

        Args:
            features: the encoder's features, from fine to coarse, each twice the size of the next.

        Returns:
            The coarsest features and the output of every stage, from coarse to fine.
        """
        outputs = [features[-1]]
        for level, stage in enumerate(self.stages):
            skip = features[len(features) - 2 - level] if level < self.skips else None
            outputs.append(stage(outputs[-1], skip))
        return outputs
