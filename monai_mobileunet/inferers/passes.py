"""From slices to their scores: one call of the network, windows where they are needed, mirrored passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.data import MetaTensor

from monai_mobileunet.inferers.batches import FittingBatches
from monai_mobileunet.inferers.finite import check_finite
from monai_mobileunet.inferers.mirrored import mirrored_passes
from monai_mobileunet.inferers.windows import Padding, Window, blend_windows
from monai_mobileunet.outputs import Keys, Output, flatten_outputs

__all__ = ["MirroredPasses", "Scores", "SliceNetwork", "mirrored_neighbours", "with_condition"]

Scores = tuple[torch.Tensor, ...]
"""A tensor for each output of the network."""


class SliceNetwork:
    """A network of slices with its further arguments, and with a condition that lies behind the image's channels.

    Args:
        network: takes slices, and the condition's slices in the second place where there is one.
        args: passed on.
        kwargs: likewise.
        condition: whether each slice holds as many channels of a condition behind those of the image.
        neighbours: slices that lie behind each other along the channels.
    """

    def __init__(
        self, network: Callable[..., Output], args: tuple, kwargs: dict[str, Any], condition: bool, neighbours: int
    ) -> None:
        self.network, self.args, self.kwargs = network, args, kwargs
        self.condition, self.neighbours = condition, neighbours
        self.keys: Keys = None

    def __call__(self, slices: torch.Tensor) -> Output:
        """What the network returns for a batch of slices."""
        inputs = [slices]
        if self.condition:
            halves = slices.unflatten(1, (self.neighbours, -1)).chunk(2, dim=2)
            inputs = [half.flatten(1, 2) for half in halves]
        output = self.network(*inputs, *self.args, **self.kwargs)
        _, self.keys = flatten_outputs(output)
        return output


class MirroredPasses:
    """Mean scores over mirrored passes, each mirrored back.

    Args:
        call: the network in batches.
        axes: of the volume: that of the stack, of the rows and of the columns.
        mirror_axes: of the volume; every combination of them is a pass.
        windows: laid over the padded slices; empty where slices go through whole.
        padding: of the slices; ``None`` without.
        out_slices: how many slices the network predicts at once.
    """

    def __init__(
        self,
        call: FittingBatches,
        axes: tuple[int, int, int],
        mirror_axes: Sequence[int],
        windows: Sequence[Window],
        padding: Padding | None,
        out_slices: int,
    ) -> None:
        self.call, self.axes, self.windows, self.padding = call, axes, windows, padding
        self.passes = mirrored_passes(mirror_axes)
        self.out_slices = out_slices

    def __call__(self, slices_of: Callable[..., torch.Tensor]) -> Scores:
        """Scores for slices.

        Args:
            slices_of: gives the network's inputs ``(N, C, H, W)``, those of the mirrored stack with
                ``mirrored=True``.

        Raises:
            RuntimeError: a network that predicts another number of slices at once.
        """
        total = self._one_pass(slices_of, self.passes[0])
        for subset in self.passes[1:]:
            more = self._one_pass(slices_of, subset)
            total = tuple(torch.add(*pair) for pair in zip(total, more, strict=True))
        return tuple(tensor / len(self.passes) for tensor in total) if len(self.passes) > 1 else total

    def _one_pass(self, slices_of: Callable[..., torch.Tensor], subset: tuple[int, ...]) -> Scores:
        along_stack = self.axes[0] in subset
        slices = slices_of(mirrored=along_stack)
        flips = [dim for dim, axis in ((-2, self.axes[1]), (-1, self.axes[2])) if axis in subset]
        outputs = self._scores(slices.flip(flips) if flips else slices)  # flip copies
        for out in outputs:
            self._check(out)
        back = [*flips, 2] if along_stack and self.out_slices > 1 else flips
        return tuple(out.flip(back) for out in outputs) if back else outputs

    def _scores(self, slices: torch.Tensor) -> Scores:
        if self.padding is not None:
            slices = self.padding.pad(slices)
        if self.windows:
            cut = torch.cat([slices[..., window.rows, window.columns] for window in self.windows])
            size = slices.shape[2:]
            outputs = tuple(blend_windows(out, self.windows, size) for out in flatten_outputs(self.call(cut))[0])
        else:
            outputs, _ = flatten_outputs(self.call(slices))
        return outputs if self.padding is None else tuple(self.padding.crop(out) for out in outputs)

    def _check(self, out: torch.Tensor) -> None:
        expected = (self.out_slices,) if self.out_slices > 1 else ()
        if out.dim() != 4 + len(expected) or out.shape[2:-2] != expected:
            raise RuntimeError(
                f"the network returned scores of shape {tuple(out.shape)}; with out_slices={self.out_slices} "
                f"expected {('N', 'classes', *expected, 'H', 'W')}. Give both the same."
            )


def mirrored_neighbours(slices: torch.Tensor, neighbours: int, mirrored: bool) -> torch.Tensor:
    """Slices with their context, the neighbours in reversed order where the stack is mirrored.

    Args:
        slices: ``(N, C * neighbours, H, W)``.
        neighbours: slices that lie behind each other along the channels.
        mirrored: whether to reverse their order.
    """
    return slices.unflatten(1, (neighbours, -1)).flip(1).flatten(1, 2) if mirrored else slices


def with_condition(volumes: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
    """The inputs with a condition behind their channels, so that both are cut alike.

    Args:
        volumes: ``(B, C, …)``.
        condition: of the same shape.

    Raises:
        ValueError: a condition of another shape, or one that is not finite.
    """
    condition = condition.as_tensor() if isinstance(condition, MetaTensor) else condition
    if condition.shape != volumes.shape:
        raise ValueError(
            f"condition has shape {tuple(condition.shape)}; expected that of the inputs, {tuple(volumes.shape)}."
        )
    check_finite(condition, "the condition")
    kept = volumes.dtype if volumes.is_floating_point() else condition.dtype
    return torch.cat([volumes, condition.to(volumes.device, kept)], dim=1)
