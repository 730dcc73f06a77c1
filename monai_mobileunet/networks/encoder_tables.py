"""The MobileNets as rows of data: one :class:`BlockSpec` per row of the tables in their papers.

Each stage after the first begins with the block that halves the size, so that the last features of a
stage are those before the next down-sampling.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["ENCODERS", "BlockSpec", "EncoderSpec"]


@dataclass(frozen=True)
class BlockSpec:
    """One row of an encoder's table: ``repeats`` blocks, of which the first has the stride.

    Attributes:
        kind: key of :data:`monai_mobileunet.networks.encoders.BLOCKS`.
        out_channels: channels of the output before the width multiplier.
        kernel_size: the kernel (``conv``, ``fused``) or the depthwise kernel; 0 for none where allowed.
        stride: 1 or 2.
        expansion: factor on the input's channels inside the block; without meaning for ``conv`` and ``separable``.
        hidden_channels: the channels inside the block before the width multiplier, in place of ``expansion``.
        repeats: how many such blocks follow each other.
        start_kernel_size: depthwise kernel before the expansion; only ``universal`` has one.
        squeeze_excite: only for ``inverted_residual``.
        act: activation where it differs from the encoder's.
    """

    kind: str
    out_channels: int
    kernel_size: int = 3
    stride: int = 1
    expansion: float = 1
    hidden_channels: int = 0
    repeats: int = 1
    start_kernel_size: int = 0
    squeeze_excite: bool = False
    act: str = ""


@dataclass(frozen=True)
class EncoderSpec:
    """An encoder: its stages from fine to coarse, and where they are from.

    Attributes:
        stages: rows of each stage.
        act: activation of the paper.
        source: paper and table.
        last: the 1×1 convolution between the last stage and the classifier; ``None`` if there is none.
        last_shrinks: whether a width below 1 makes ``last`` narrower.
        norm: arguments of the batch normalisation, for published weights to keep their meaning.
    """

    stages: tuple[tuple[BlockSpec, ...], ...]
    act: str
    source: str
    last: BlockSpec | None = None
    last_shrinks: bool = True
    norm: dict = field(default_factory=dict)


def _separable(out_channels: int, stride: int = 1, repeats: int = 1) -> BlockSpec:
    return BlockSpec("separable", out_channels, 3, stride, repeats=repeats)


def _residual(out_channels: int, stride: int, expansion: float, repeats: int) -> BlockSpec:
    return BlockSpec("inverted_residual", out_channels, 3, stride, expansion, repeats=repeats)


def _v3(kernel_size: int, hidden: int, out_channels: int, squeeze_excite: bool, act: str, stride: int) -> BlockSpec:
    """The columns of tables 1 and 2 of arXiv 1905.02244, in their order."""
    return BlockSpec(
        "inverted_residual",
        out_channels,
        kernel_size,
        stride,
        hidden_channels=hidden,
        squeeze_excite=squeeze_excite,
        act=act,
    )


def _uib(start: int, kernel_size: int, stride: int, expansion: float, out_channels: int, repeats: int = 1) -> BlockSpec:
    return BlockSpec(
        "universal", out_channels, kernel_size, stride, expansion, repeats=repeats, start_kernel_size=start
    )


def _conv(out_channels: int, kernel_size: int = 3, stride: int = 1, act: str = "") -> BlockSpec:
    return BlockSpec("conv", out_channels, kernel_size, stride, act=act)


RE, HS = "relu", "hardswish"

ENCODERS: dict[str, EncoderSpec] = {
    "mobilenetv1": EncoderSpec(
        stages=(
            (_conv(32, stride=2), _separable(64)),
            (_separable(128, stride=2), _separable(128)),
            (_separable(256, stride=2), _separable(256)),
            (_separable(512, stride=2), _separable(512, repeats=5)),
            (_separable(1024, stride=2), _separable(1024)),
        ),
        act="relu6",
        source="arXiv 1704.04861, table 1",
    ),
    "mobilenetv2": EncoderSpec(
        stages=(
            (_conv(32, stride=2), _residual(16, 1, 1, 1)),
            (_residual(24, 2, 6, 2),),
            (_residual(32, 2, 6, 3),),
            (_residual(64, 2, 6, 4), _residual(96, 1, 6, 3)),
            (_residual(160, 2, 6, 3), _residual(320, 1, 6, 1)),
        ),
        act="relu6",
        source="arXiv 1801.04381, table 2",
        last=_conv(1280, 1),
        last_shrinks=False,
    ),
    "mobilenetv3_large": EncoderSpec(
        stages=(
            (_conv(16, stride=2), _v3(3, 16, 16, False, RE, 1)),
            (_v3(3, 64, 24, False, RE, 2), _v3(3, 72, 24, False, RE, 1)),
            (_v3(5, 72, 40, True, RE, 2), _v3(5, 120, 40, True, RE, 1), _v3(5, 120, 40, True, RE, 1)),
            (
                _v3(3, 240, 80, False, HS, 2),
                _v3(3, 200, 80, False, HS, 1),
                _v3(3, 184, 80, False, HS, 1),
                _v3(3, 184, 80, False, HS, 1),
                _v3(3, 480, 112, True, HS, 1),
                _v3(3, 672, 112, True, HS, 1),
            ),
            (_v3(5, 672, 160, True, HS, 2), _v3(5, 960, 160, True, HS, 1), _v3(5, 960, 160, True, HS, 1)),
        ),
        act=HS,
        source="arXiv 1905.02244, table 1",
        last=_conv(960, 1),
        norm={"eps": 1e-3},
    ),
    "mobilenetv3_small": EncoderSpec(
        stages=(
            (_conv(16, stride=2),),
            (_v3(3, 16, 16, True, RE, 2),),
            (_v3(3, 72, 24, False, RE, 2), _v3(3, 88, 24, False, RE, 1)),
            (
                _v3(5, 96, 40, True, HS, 2),
                _v3(5, 240, 40, True, HS, 1),
                _v3(5, 240, 40, True, HS, 1),
                _v3(5, 120, 48, True, HS, 1),
                _v3(5, 144, 48, True, HS, 1),
            ),
            (_v3(5, 288, 96, True, HS, 2), _v3(5, 576, 96, True, HS, 1), _v3(5, 576, 96, True, HS, 1)),
        ),
        act=HS,
        source="arXiv 1905.02244, table 2",
        last=_conv(576, 1),
        norm={"eps": 1e-3},
    ),
    "mobilenetv4_conv_small": EncoderSpec(
        stages=(
            (_conv(32, stride=2),),
            (_conv(32, stride=2), _conv(32, 1)),
            (_conv(96, stride=2), _conv(64, 1)),
            (_uib(5, 5, 2, 3, 96), _uib(0, 3, 1, 2, 96, repeats=4), _uib(3, 0, 1, 4, 96)),
            (
                _uib(3, 3, 2, 6, 128),
                _uib(5, 5, 1, 4, 128),
                _uib(0, 5, 1, 4, 128),
                _uib(0, 5, 1, 3, 128),
                _uib(0, 3, 1, 4, 128, repeats=2),
            ),
        ),
        act="relu",
        source="arXiv 2404.10518, appendix, table of MNv4-Conv-S",
        last=_conv(960, 1),
    ),
    "mobilenetv4_conv_medium": EncoderSpec(
        stages=(
            (_conv(32, stride=2),),
            (BlockSpec("fused", 48, stride=2, expansion=4),),
            (_uib(3, 5, 2, 4, 80), _uib(3, 3, 1, 2, 80)),
            (
                _uib(3, 5, 2, 6, 160),
                _uib(3, 3, 1, 4, 160, repeats=2),
                _uib(3, 5, 1, 4, 160),
                _uib(3, 3, 1, 4, 160),
                _uib(3, 0, 1, 4, 160),
                _uib(0, 0, 1, 2, 160),
                _uib(3, 0, 1, 4, 160),
            ),
            (
                _uib(5, 5, 2, 6, 256),
                _uib(5, 5, 1, 4, 256),
                _uib(3, 5, 1, 4, 256, repeats=2),
                _uib(0, 0, 1, 4, 256),
                _uib(3, 0, 1, 4, 256),
                _uib(3, 5, 1, 2, 256),
                _uib(5, 5, 1, 4, 256),
                _uib(0, 0, 1, 4, 256, repeats=2),
                _uib(5, 0, 1, 2, 256),
            ),
        ),
        act="relu",
        source="arXiv 2404.10518, appendix, table of MNv4-Conv-M",
        last=_conv(960, 1),
    ),
}
