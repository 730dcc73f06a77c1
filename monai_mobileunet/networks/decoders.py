"""The UNet decoder, built from what an encoder says of its features.

How a skip joins (:class:`ConcatMerge`, :class:`AddMerge`, :class:`LateConcatStage`), what is computed at
each step (:data:`BLOCKS`) and how features grow (:data:`UPSAMPLING`) are independent choices.

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
from monai.networks.blocks import UpSample
from monai.utils import look_up_option
from torch import nn

from monai_mobileunet.networks.blocks import NameOrArgs, activation, conv_norm_act, separable_conv
from monai_mobileunet.networks.encoders import FeatureInfo

__all__ = ["BLOCKS", "DECODER_CHANNELS", "MERGES", "UPSAMPLING", "UNetDecoder"]

DECODER_CHANNELS = (48, 32, 16, 16)  # next to the encoder's stages 4, 3, 2, 1
FULL_SIZE_CHANNELS = 16  # of the stage above a stem with stride 2


def _chain(
    block: Callable[..., nn.Module], repeats: int, spatial_dims: int, in_channels: int, out_channels: int, **arguments
) -> nn.Module:
    channels = [in_channels] + [out_channels] * repeats
    return nn.Sequential(*(block(spatial_dims, channels[i], channels[i + 1], **arguments) for i in range(repeats)))


BLOCKS: dict[str, Callable[..., nn.Module]] = {
    "conv": partial(_chain, conv_norm_act, 1),
    "double_conv": partial(_chain, conv_norm_act, 2),
    "double_conv_bias": partial(_chain, partial(conv_norm_act, bias=True), 2),
    "separable": partial(_chain, separable_conv, 1),
    "double_separable": partial(_chain, separable_conv, 2),
    "transposed_conv": partial(conv_norm_act, stride=2, transposed=True),
}

UPSAMPLING: dict[str, dict] = {
    "nearest": {"mode": "nontrainable", "interp_mode": "nearest", "align_corners": None},
    "bilinear": {"mode": "nontrainable", "interp_mode": "linear", "align_corners": False},
    "transposed": {"mode": "deconv"},
    "none": {},
}


def _up(spatial_dims: int, channels: int, upsample: str) -> nn.Module:
    if upsample == "none":
        return nn.Identity()
    return UpSample(spatial_dims, channels, channels, 2, **UPSAMPLING[upsample])


class ConcatMerge(nn.Module):
    """Concatenate the up-sampled deep features and the skip, as in the UNet of arXiv 1505.04597."""

    def __init__(
        self,
        spatial_dims: int,
        deep_channels: int,
        skip_channels: int,
        out_channels: int,
        upsample: str,
        act: NameOrArgs,
        norm: NameOrArgs,
    ) -> None:
        super().__init__()
        self.up = _up(spatial_dims, deep_channels, upsample)
        self.out_channels = deep_channels + skip_channels

    def forward(self, deep: torch.Tensor, skip: torch.Tensor | None) -> torch.Tensor:
        deep = self.up(deep)
        return deep if skip is None else torch.cat([deep, skip], dim=1)


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
        upsample: str,
        act: NameOrArgs,
        norm: NameOrArgs,
    ) -> None:
        super().__init__()
        project = partial(conv_norm_act, spatial_dims, out_channels=out_channels, kernel_size=1, act=None, norm=norm)
        self.project_deep = project(in_channels=deep_channels)
        self.project_skip = project(in_channels=skip_channels) if skip_channels else nn.Identity()
        self.up = _up(spatial_dims, out_channels, upsample)
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


class LateConcatStage(nn.Module):
    """One step up in the other order: up-sample, the block, and only then concatenate the skip."""

    def __init__(self, up: nn.Module, block: nn.Module) -> None:
        super().__init__()
        self.up = up
        self.block = block

    def forward(self, deep: torch.Tensor, skip: torch.Tensor | None) -> torch.Tensor:
        deep = self.block(self.up(deep))
        return deep if skip is None else torch.cat([deep, skip], dim=1)


class UNetDecoder(nn.Module):
    """Decoder stages from the coarsest features to the finest that the head needs.

    Args:
        feature_info: the encoder's features, from fine to coarse.
        out_reduction: reduction of the decoder's output: 1 to go up to the image's resolution, or the
            reduction of the finest features to stop there (a sub-pixel head does the rest).
        decoder_channels: channels after each stage, from coarse to fine; ``None`` takes
            :data:`DECODER_CHANNELS`, whose last entry belongs to the finest skip.
        merge: key of :data:`MERGES`, or ``"concat_after"`` to concatenate behind the block.
        block: key of :data:`BLOCKS`; ``"transposed_conv"`` doubles the size itself.
        upsample: key of :data:`UPSAMPLING`; ``"none"`` with ``block="transposed_conv"``, and only there.
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
        upsample: str = "nearest",
        act: NameOrArgs = "relu",
        norm: NameOrArgs = "batch",
        spatial_dims: int = 2,
        skips: int | None = None,
    ) -> None:
        super().__init__()
        merge = look_up_option(merge, {*MERGES, LATE_CONCAT})
        block = look_up_option(block, set(BLOCKS))
        upsample = look_up_option(upsample, set(UPSAMPLING))
        grows_by_itself = block == "transposed_conv"
        if (upsample == "none") != grows_by_itself or (grows_by_itself and merge != LATE_CONCAT):
            raise ValueError(
                f"block is {block!r}, upsample {upsample!r}, merge {merge!r}; a transposed_conv block needs "
                f"upsample 'none' and merge {LATE_CONCAT!r}, any other block an up-sampling."
            )

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
            if merge == LATE_CONCAT:
                stage_block = BLOCKS[block](spatial_dims, deep, out, act=act, norm=norm)
                stage = LateConcatStage(_up(spatial_dims, deep, upsample), stage_block)
            else:
                merged = MERGES[merge](spatial_dims, deep, skip, out, upsample, act, norm)
                stage = DecoderStage(merged, BLOCKS[block](spatial_dims, merged.out_channels, out, act=act, norm=norm))
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
            if level < self.skips:
                outputs.append(stage(outputs[-1], features[len(features) - 2 - level]))
            else:
                outputs.append(stage(outputs[-1], None))
        return outputs
