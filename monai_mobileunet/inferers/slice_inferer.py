"""A 2D network over the slices of 3D volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import combinations, starmap
from typing import Any

import torch
from monai.data import MetaTensor
from monai.inferers import SliceInferer, sliding_window_inference
from monai.utils import convert_to_dst_type, ensure_tuple, ensure_tuple_rep, fall_back_tuple
from rich.progress import track

from monai_mobileunet.slicing import slice_axes, take_slices

__all__ = ["ContextSliceInferer"]

Scores = torch.Tensor | Sequence[torch.Tensor] | dict[Any, torch.Tensor]
Network = Callable[..., Scores]


class ContextSliceInferer(SliceInferer):
    """Slice by slice inference with batches of slices, 2.5D context, several planes, and windows where needed.

    It takes the place of :class:`monai.inferers.SliceInferer` in bundle configs, engines and MONAI Label, and
    with the same window and no context it gives the same scores. What it adds:

    - Whole slices go through the network in batches of ``sw_batch_size``; an axis of the slice is cut into
      overlapping windows only where it is longer than ``roi_size``, and never padded to it (the network pads).
    - ``context`` neighbours on each side of a slice are given as further channels, the edge repeated.
    - ``spatial_dim`` may name several planes: the network sees the volume sliced each way, and the scores are
      averaged.
    - ``mirror_axes`` adds passes over the mirrored volume (test-time augmentation); the scores are averaged.
    - An image without a third axis, ``(B, C, H, W)``, is taken as one slice, as it lies.

    Args:
        roi_size: largest window in the slice, ``(H', W')`` or one number; a non-positive entry stands for the
            whole length.
        sw_batch_size: slices or windows per call of the network.
        overlap: share of a window that overlaps with the next, in [0, 1).
        mode: how overlapping windows are weighted, ``"constant"`` or ``"gaussian"``.
        spatial_dim: the axis (0, 1, 2) that slices are stacked along, or a plane of a volume with RAS axes
            (``"sagittal"``, ``"coronal"``, ``"axial"``), or a sequence of these. By name the slices lie as
            :data:`monai_mobileunet.slicing.PLANES` says, by number as in :class:`monai.inferers.SliceInferer`.
        context: neighbouring slices on each side. The network has ``C * (2 * context + 1)`` input channels.
        mirror_axes: axes of the volume (0, 1, 2) along which no class has a side. Every combination of them is
            a pass of its own, so each axis doubles the time.
        sigma_scale: width of the Gaussian weights relative to the window.
        sw_device: device of the network; by default that of the inputs.
        device: device of the scores; by default that of the inputs.
        progress: show a progress bar over the slices.

    Raises:
        ValueError: a plane or an axis that does not exist, a negative context, a batch size under 1, or an
            overlap outside [0, 1).
    """

    def __init__(
        self,
        roi_size: Sequence[int] | int = -1,
        sw_batch_size: int = 8,
        overlap: Sequence[float] | float = 0.25,
        mode: str = "constant",
        spatial_dim: int | str | Sequence[int | str] = 2,
        context: int = 0,
        sigma_scale: Sequence[float] | float = 0.125,
        sw_device: torch.device | str | None = None,
        device: torch.device | str | None = None,
        progress: bool = False,
        mirror_axes: Sequence[int] | int = (),
    ) -> None:
        self.planes = ensure_tuple(spatial_dim)
        stacks = [slice_axes(plane)[0] for plane in self.planes]
        if not stacks or len(set(stacks)) != len(stacks):
            raise ValueError(f"spatial_dim is {spatial_dim!r}; give one to three different planes.")
        if context < 0:
            raise ValueError(f"context is {context}; it counts the neighbouring slices on each side: 0 or more.")
        if sw_batch_size < 1:
            raise ValueError(f"sw_batch_size is {sw_batch_size}; the network needs at least 1 slice per call.")
        if any(not 0 <= o < 1 for o in ensure_tuple(overlap)):
            raise ValueError(f"overlap is {overlap}; it must be in [0, 1).")
        self.mirror_axes = ensure_tuple(mirror_axes)
        if not set(self.mirror_axes) <= {0, 1, 2} or len(set(self.mirror_axes)) != len(self.mirror_axes):
            raise ValueError(f"mirror_axes is {mirror_axes!r}; name axes of the volume, 0, 1 or 2, each once.")
        super().__init__(
            spatial_dim=stacks[0],
            roi_size=ensure_tuple_rep(roi_size, 2),
            sw_batch_size=sw_batch_size,
            overlap=overlap,
            mode=mode,
            sigma_scale=sigma_scale,
            sw_device=sw_device,
            device=device,
            progress=progress,
        )
        self.context = context

    def __call__(self, inputs: torch.Tensor, network: Network, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Scores of a volume.

        Args:
            inputs: ``(B, C, H, W, D)``, or ``(B, C, H, W)`` for a single slice.
            network: takes ``(N, C * (2 * context + 1), H', W')``, returns ``(N, classes, H', W')``.
            args: passed on to ``network``.
            kwargs: likewise.

        Returns:
            ``(B, classes, H, W, D)`` or ``(B, classes, H, W)``, of the inputs' floating-point type, with their
            metadata if they are a :class:`monai.data.MetaTensor`.

        Raises:
            ValueError: inputs of another rank or empty, or a ``condition``.
            TypeError: a network that returns something other than one tensor.
        """
        if inputs.dim() not in (4, 5) or 0 in inputs.shape:
            raise ValueError(
                f"inputs have shape {tuple(inputs.shape)}; expected (B, C, H, W, D), or (B, C, H, W) for one slice, "
                "and nothing empty."
            )
        if "condition" in kwargs:
            raise ValueError("condition is not supported here; use monai.inferers.SliceInferer for it.")
        volumes = inputs.as_tensor() if isinstance(inputs, MetaTensor) else inputs
        if inputs.dim() == 4:
            scores = self._average(volumes[..., None], (2,), network, args, kwargs)[..., 0]
        else:
            scores = self._average(volumes, self.planes, network, args, kwargs)
        if isinstance(inputs, MetaTensor):
            template = MetaTensor([]).copy_meta_from(inputs, copy_attr=False)
            scores = convert_to_dst_type(scores, template, device=scores.device)[0]
        return scores

    def _average(
        self, volumes: torch.Tensor, planes: tuple[int | str, ...], network: Network, args: tuple, kwargs: dict
    ) -> torch.Tensor:
        """Mean of the scores over all planes and mirrored passes."""
        axes = [axis + 2 for axis in self.mirror_axes if volumes.shape[axis + 2] > 1]
        mirrored = [subset for size in range(len(axes) + 1) for subset in combinations(axes, size)]
        passes = [(subset, plane) for subset in mirrored for plane in planes]

        def scores(subset: tuple[int, ...], plane: int | str) -> torch.Tensor:
            if not subset:  # flip copies
                return self._plane(volumes, plane, network, args, kwargs)
            return self._plane(volumes.flip(subset), plane, network, args, kwargs).flip(subset)

        total = reduce(torch.add, starmap(scores, passes))
        return total / len(passes) if len(passes) > 1 else total

    def _plane(
        self, volumes: torch.Tensor, plane: int | str, network: Network, args: tuple, kwargs: dict
    ) -> torch.Tensor:
        """Scores ``(B, classes, H, W, D)`` of ``volumes`` cut across ``plane``."""
        axes = slice_axes(plane)
        batch = volumes.shape[0]
        depth, height, width = (volumes.shape[axis + 2] for axis in axes)
        window = tuple(min(r, s) for r, s in zip(fall_back_tuple(self.roi_size, (height, width)), (height, width)))
        device = self.device or volumes.device
        scores = torch.empty(0)
        starts = [(b, s) for b in range(batch) for s in range(0, depth, self.sw_batch_size)]
        for b, start in track(starts, description="slices", disable=not self.progress):
            indices = torch.arange(start, min(start + self.sw_batch_size, depth))
            slices = take_slices(volumes[b], indices, plane, self.context).to(self.sw_device or volumes.device)
            out = self._slices(slices, window, network, args, kwargs)
            if (b, start) == (0, 0):  # the network tells how many classes there are
                dtype = volumes.dtype if volumes.is_floating_point() else out.dtype
                scores = torch.empty(batch, depth, out.shape[1], height, width, dtype=dtype, device=device)
            scores[b, start : start + len(indices)] = out
        # Memory stays slice by slice: a movement of axes costs nothing, a copy as much as a small network.
        slice_dims = (1, 3, 4)
        return scores.permute(0, 2, *(slice_dims[axes.index(axis)] for axis in range(3)))

    def _slices(
        self, slices: torch.Tensor, window: tuple[int, ...], network: Network, args: tuple, kwargs: dict
    ) -> torch.Tensor:
        if window == slices.shape[2:]:
            out: object = network(slices, *args, **kwargs)
        else:
            out = sliding_window_inference(
                slices,
                window,
                self.sw_batch_size,
                lambda windows: network(windows, *args, **kwargs),
                self.overlap,
                self.mode,
                self.sigma_scale,
            )
        if not isinstance(out, torch.Tensor):
            raise TypeError(
                f"the network returned {type(out).__name__}; expected one tensor (N, classes, H, W). "
                "Call network.eval() if it has deep supervision, or use monai.inferers.SliceInferer."
            )
        return out
