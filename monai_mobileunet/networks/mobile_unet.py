"""MobileUNet: pad → encode → decode → head → crop."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter, Signature, signature
from os import PathLike
from typing import Any

import torch
import torch.nn.functional as F
from monai.networks.blocks import SubpixelUpsample
from monai.networks.layers.factories import Conv, Dropout
from monai.utils import look_up_option
from torch import nn

from monai_mobileunet.networks.blocks import NameOrArgs, initialise
from monai_mobileunet.networks.decoders import UNetDecoder
from monai_mobileunet.networks.encoders import MobileNetEncoder
from monai_mobileunet.networks.variants import VARIANTS

__all__ = ["MobileUNet", "create_network"]

HEADS = ("full", "subpixel", "transposed")


class MobileUNet(nn.Module):
    """A MobileNet encoder with a slim UNet decoder, for images of any size and number of channels.

    The defaults are the fast shape: the MobileNetV4-conv-small encoder without its classifier layers, a
    decoder that projects and adds its skips and has one dense 3×3 convolution on few channels per stage,
    and a sub-pixel head (the last convolution runs at the stem's stride and predicts every sub-position, as a
    transposed convolution whose kernel is as large as its stride).
    See :mod:`monai_mobileunet.networks.decoders` for the reasons. For slices of up to about 96 pixels set
    ``stem_stride=1``: there the resolution of the first stage decides over the accuracy.

    Inside ``forward`` the image is padded to a multiple of the coarsest reduction by repeating the border, and the
    output is cropped back, so every size from 1×1 up works. In eval mode the padding lies at the far edges. In
    training mode the image lies at a random place within it, another one in each call, so that every position of the
    padded image is supervised: with the padding always at the far edges, what the network sees next to its own border
    there would never enter the loss, and images of other sizes, which reach that border, would be segmented at random
    along it.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image; for slices with context, the number of slices.
        out_channels: classes, the background included.
        encoder: key of :data:`monai_mobileunet.networks.encoder_tables.ENCODERS`.
        width: multiplier on the encoder's channels.
        depth: encoder stages to keep; fewer for small slices.
        stem_stride: 2 as published, or 1 to keep the image's resolution in the first stage.
        decoder_channels: channels after each decoder stage, from coarse to fine; there is one stage per
            encoder stage but the last, and one more for ``head="full"`` with ``stem_stride=2``.
            ``None``: the last ones of (48, 32, 16, 16), and 16 for that additional stage.
        merge: how skips join: ``"add"`` (project and add), ``"concat"``, or ``"concat_after"`` the block.
        block: in each stage: ``"conv"``, ``"double_conv"``, ``"double_conv_bias"``, or ``"transposed_conv"``, which
            doubles the size itself, with ``merge="concat_after"``.
        skips: how many skips are connected, counted from the coarsest; ``None`` for all.
        head: ``"subpixel"``, or ``"full"`` for a last decoder stage and head at the image's resolution.
            With ``stem_stride=1`` the two are the same. ``"transposed"``: a transposed 3×3 convolution from
            half the resolution.
        head_kernel_size: kernel of the head's convolution.
        act: activation of encoder and decoder; ``None`` takes that of the encoder's paper in the encoder
            and ReLU in the decoder.
        norm: normalisation. Instance normalisation has no meaning for a single position: with it images have
            to be larger than ``reduction`` along one axis at least.
        dropout: probability that a channel of the coarsest and of the finest features is dropped
            (:class:`torch.nn.Dropout2d`); active in training mode, and for epistemic scores in MONAI Label.
        deep_supervision: in training mode return one output per decoder stage. Their heads exist with ``False`` too,
            so that weights load strictly with and without it; ``None`` leaves them out.
        last_conv: keep the published encoder's last 1×1 convolution (to 576, 960 or 1280 channels).
        taps: what the encoder hands on, ``"stage"`` or ``"expansion"``; see
            :class:`monai_mobileunet.networks.MobileNetEncoder`.
        pretrained: ``True`` for the encoder's ImageNet weights, or the path of their file.
        out_slices: how many neighbouring slices the network segments at once, out of its input channels: the same
            features serve all of them, so a volume takes that many times fewer passes. For 2D networks.

    Raises:
        ValueError: an option that does not exist, with the ones that do.

    Example:
        ```python
        network = MobileUNet(in_channels=3, out_channels=3, stem_stride=1)
        scores = network(torch.rand(8, 3, 48, 56))  # (8, 3, 48, 56)
        ```
    """

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        out_channels: int = 2,
        encoder: str = "mobilenetv4_conv_small",
        width: float = 1.0,
        depth: int = 5,
        stem_stride: int = 2,
        decoder_channels: Sequence[int] | None = None,
        merge: str = "add",
        block: str = "conv",
        skips: int | None = None,
        head: str = "subpixel",
        head_kernel_size: int = 1,
        act: NameOrArgs = None,
        norm: NameOrArgs = "batch",
        dropout: float = 0.0,
        deep_supervision: bool | None = None,
        last_conv: bool = False,
        taps: str = "stage",
        pretrained: bool | str | PathLike = False,
        out_slices: int = 1,
    ) -> None:
        super().__init__()
        sizes = {"in_channels": in_channels, "out_channels": out_channels, "out_slices": out_slices}
        for name, value in sizes.items():
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be at least 1.")
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims is {spatial_dims}; MobileUNet has 2 and 3.")
        if out_slices > 1 and spatial_dims != 2:
            raise ValueError(f"out_slices is {out_slices}; a network of {spatial_dims} dimensions has no slices.")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; it must be in [0, 1).")
        if head_kernel_size < 1 or head_kernel_size % 2 == 0:
            raise ValueError(f"head_kernel_size is {head_kernel_size}; it must be odd, to keep the size of the image.")
        head = look_up_option(head, set(HEADS))

        self.in_channels = in_channels
        self.out_channels = out_channels
        self.out_slices = out_slices
        self.deep_supervision = bool(deep_supervision)
        self.encoder = MobileNetEncoder(
            encoder, spatial_dims, in_channels, width, depth, stem_stride, act, norm, last_conv, taps, pretrained
        )
        info = self.encoder.feature_info
        self.reduction: int = info[-1].reduction
        out_reduction = 1 if head == "full" else info[0].reduction
        if head == "transposed" and out_reduction != 2:
            raise ValueError(f"head is 'transposed', which doubles the size; stem_stride is {stem_stride}, not 2.")
        self.decoder = UNetDecoder(
            info, out_reduction, decoder_channels, merge, block, act or "relu", norm, spatial_dims, skips
        )
        self.dropout = Dropout[Dropout.DROPOUT, spatial_dims](dropout)
        *coarse, finest = self.decoder.channels
        self.head = _head(head, spatial_dims, finest, out_channels * out_slices, head_kernel_size, out_reduction)
        supervised = [] if deep_supervision is None else coarse[1:]
        self.aux_heads = nn.ModuleList(
            Conv[Conv.CONV, spatial_dims](c, out_channels * out_slices, 1) for c in supervised
        )
        self.aux_heads.requires_grad_(bool(deep_supervision))  # DDP waits for the gradient of all that have one
        self._aux_mode = "bilinear" if spatial_dims == 2 else "trilinear"
        for part in (self.decoder, self.head, self.aux_heads):
            part.apply(initialise)

    def forward(self, x: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        """Scores of every class at every pixel.

        Args:
            x: ``(B, in_channels, H, W)`` (and ``D`` for ``spatial_dims=3``), any sizes from 1 up, floating
                point, normalised as the bundle's preprocessing does.

        Returns:
            Scores (logits) of shape ``(B, out_channels, H, W)``, with ``out_slices`` over 1
            ``(B, out_channels, out_slices, H, W)``, from the first slice to the last. In training mode with
            ``deep_supervision=True`` a list: these, then the coarser stages' scores from fine to coarse,
            all of the same shape, for :class:`monai.losses.DeepSupervisionLoss`.
        """
        size: list[int] = list(x.shape[2:])
        padding: list[int] = []
        for length in size[::-1]:
            missing = (length + self.reduction - 1) // self.reduction * self.reduction - length
            before = 0
            if self.training and missing > 0:  # a size that needs no padding draws nothing
                before = int(torch.randint(missing + 1, (1,)).item())
            padding += [before, missing - before]
        padded = F.pad(x, padding, mode="replicate")
        features = self.encoder(padded)
        features[-1] = self.dropout(features[-1])
        stages = self.decoder(features)
        scores = self._slices(_crop(self.head(self.dropout(stages[-1])), padding, size))
        if not (self.training and self.deep_supervision):
            return scores

        outputs = [scores]
        for level, aux_head in enumerate(self.aux_heads):
            coarse = aux_head(stages[level + 1])
            fine = F.interpolate(coarse, padded.shape[2:], mode=self._aux_mode, align_corners=False)
            outputs.insert(1, self._slices(_crop(fine, padding, size)))
        return outputs

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Weights of a network with heads for deep supervision fit one without them, strictly too."""
        if len(self.aux_heads) == 0:
            for key in [key for key in state_dict if key.startswith(f"{prefix}aux_heads.")]:
                del state_dict[key]
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _slices(self, scores: torch.Tensor) -> torch.Tensor:
        if self.out_slices == 1:
            return scores
        return scores.reshape(-1, self.out_channels, self.out_slices, scores.shape[2], scores.shape[3])


def _crop(x: torch.Tensor, padding: list[int], size: list[int]) -> torch.Tensor:
    """What :func:`torch.nn.functional.pad` added, taken away again."""
    for axis, length in enumerate(size):
        x = x.narrow(axis + 2, padding[2 * (len(size) - 1 - axis)], length)
    return x


def _head(kind: str, spatial_dims: int, in_channels: int, out_channels: int, kernel_size: int, scale: int) -> nn.Module:
    transposed = Conv[Conv.CONVTRANS, spatial_dims]
    if kind == "transposed":
        return transposed(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)
    if scale > 1 and kernel_size == 1:
        # What a 1×1 convolution and a pixel shuffle compute (arXiv 1609.07009), in one operator and one pass over
        # memory: up to a tenth of the time of the whole network in ONNX Runtime, torch and int8.
        return transposed(in_channels, out_channels, scale, stride=scale)
    conv = Conv[Conv.CONV, spatial_dims](
        in_channels, out_channels * scale**spatial_dims, kernel_size, padding=kernel_size // 2
    )
    if scale == 1:
        return conv
    return SubpixelUpsample(spatial_dims, in_channels, out_channels, scale, conv_block=conv, apply_pad_pool=False)


def create_network(
    variant: str = "mobileunet_small",
    spatial_dims: int = 2,
    in_channels: int = 1,
    out_channels: int = 2,
    **arguments: Any,
) -> MobileUNet:
    """A named variant, for Python and for ``_target_`` in a bundle's config.

    Args:
        variant: key of :data:`monai_mobileunet.networks.VARIANTS`.
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


def _all_arguments() -> Signature:
    """What :func:`create_network` takes, for who checks a name before the network is made."""
    own, network = signature(create_network).parameters, signature(MobileUNet).parameters
    named = [one for one in own.values() if one.kind is not Parameter.VAR_KEYWORD]
    others = [one.replace(kind=Parameter.KEYWORD_ONLY) for name, one in network.items() if name not in own]
    return Signature([*named, *others])


create_network.__signature__ = _all_arguments()  # type: ignore[attr-defined]
