"""A 2D network over the slices of 3D volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from itertools import combinations
from typing import Any

import torch
from monai.data import MetaTensor
from monai.inferers import SliceInferer
from monai.utils import convert_to_dst_type, ensure_tuple, ensure_tuple_rep, fall_back_tuple
from rich.progress import Progress, track

from monai_mobileunet.inferers.assembly import assemble_volume
from monai_mobileunet.inferers.batches import FittingBatches
from monai_mobileunet.inferers.groups import GroupMean, plan_groups
from monai_mobileunet.inferers.labels import labels_of_scores
from monai_mobileunet.inferers.windows import Window, blend_windows, plan_windows
from monai_mobileunet.slicing import gather_slab, slice_axes, take_slices, with_context

__all__ = ["ContextSliceInferer"]

Scores = torch.Tensor | Sequence[torch.Tensor] | dict[Any, torch.Tensor]
Network = Callable[..., Scores]
Run = Callable[[Callable[..., torch.Tensor]], torch.Tensor]
"""From what gives the network's inputs to the mean scores over the mirrored passes."""


class ContextSliceInferer(SliceInferer):
    """Slice by slice inference with batches of slices, 2.5D context, several planes, and windows where needed.

    It takes the place of :class:`monai.inferers.SliceInferer` in bundle configs, engines and MONAI Label, and
    with the same window and no context it gives the same scores. What it adds:

    - Whole slices go through the network in batches of ``sw_batch_size``; an axis of the slice is cut into
      overlapping windows only where it is longer than ``roi_size``, and never padded to it (the network pads).
    - ``context`` neighbours on each side of a slice are given as further channels, the edge repeated.
    - ``spatial_dim`` may name several planes: the network sees the volume sliced each way, and the scores are
      averaged.
    - ``out_slices`` are predicted at once by a network made for that (:class:`monai_mobileunet.networks.MobileUNet`
      has an argument of that name), every ``out_step`` slices; where such groups overlap the scores are averaged. A
      step of several slices saves as many calls of the network, a step of 1 averages most.
    - ``mirror_axes`` adds passes over the mirrored volume (test-time augmentation); the scores are averaged.
    - ``argmax`` returns labels in place of scores, slab by slab, so that the scores of a whole volume never exist.
    - A batch that memory is too short for is halved and tried again.
    - An image without a third axis, ``(B, C, H, W)``, is taken as one slice, as it lies.

    Memory: beside the volume, its result and what the network itself takes there is one slab of ``sw_batch_size``
    slices, with their windows and scores. With ``argmax`` and one plane the result has a byte per voxel; without,
    and while several planes are averaged, it has ``classes`` floats (of 16 bits with ``argmax``).

    A network may know what it is fastest with: where it has a method ``preferred_batch_size(height, width)``, as the
    runtimes of this package have, batches are no larger than that.

    Args:
        roi_size: largest window in the slice, ``(H', W')`` or one number; a non-positive entry stands for the
            whole length.
        sw_batch_size: slices or windows per call of the network, at most.
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
        argmax: return the label of the highest score, ``uint8`` with one channel, in place of scores.
        out_slices: how many slices the network predicts at once, the middle ones of its context: odd. With more
            than one it returns ``(N, classes, out_slices, H', W')``.
        out_step: slices from one such group to the next, from 1 to ``out_slices``; by default ``out_slices``.

    Raises:
        ValueError: a plane or an axis that does not exist, a negative context, a batch size under 1, an overlap
            outside [0, 1), an even number of slices at once, or a step that leaves slices out.
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
        argmax: bool = False,
        out_slices: int = 1,
        out_step: int | None = None,
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
        if out_slices < 1 or out_slices % 2 == 0:
            raise ValueError(f"out_slices is {out_slices}; it must be odd: the context is counted from the middle one.")
        if out_step is not None and not 1 <= out_step <= out_slices:
            raise ValueError(f"out_step is {out_step}; with {out_slices} slices at once it is 1 to {out_slices}.")
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
        self.argmax = argmax
        self.out_slices = out_slices
        self.out_step = out_step or out_slices

    def __call__(self, inputs: torch.Tensor, network: Network, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Scores or labels of a volume.

        Args:
            inputs: ``(B, C, H, W, D)``, or ``(B, C, H, W)`` for a single slice.
            network: takes ``(N, C * (2 * context + 1), H', W')``, returns ``(N, classes, H', W')``, or with
                ``out_slices`` over 1 ``(N, classes, out_slices, H', W')``.
            args: passed on to ``network``.
            kwargs: likewise.

        Returns:
            ``(B, classes, H, W, D)`` or ``(B, classes, H, W)``, of the inputs' floating-point type; with ``argmax``
            ``uint8`` and one channel in place of the classes. With the inputs' metadata if they are a
            :class:`monai.data.MetaTensor`.

        Raises:
            ValueError: inputs of another rank or empty, a ``condition``, or more than 256 classes with ``argmax``.
            RuntimeError: a network that predicts another number of slices at once.
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
        planes = self.planes if inputs.dim() == 5 else (2,)
        out = self._planes(volumes if inputs.dim() == 5 else volumes[..., None], planes, network, args, kwargs)
        out = out if inputs.dim() == 5 else out[..., 0]
        if isinstance(inputs, MetaTensor):
            template = MetaTensor([]).copy_meta_from(inputs, copy_attr=False)
            out = convert_to_dst_type(out, template, dtype=out.dtype, device=out.device)[0]
        return out

    def _planes(
        self, volumes: torch.Tensor, planes: tuple[int | str, ...], network: Network, args: tuple, kwargs: dict
    ) -> torch.Tensor:
        """Labels or mean scores over all planes."""
        device = self.device or volumes.device
        slabs = partial(self._slabs, volumes, network=network, args=args, kwargs=kwargs)
        if self.argmax and len(planes) == 1:
            labels = ((at, labels_of_scores(scores)) for at, scores in slabs(planes[0]))
            return assemble_volume(labels, planes[0], volumes.shape, torch.uint8, device)

        dtype = volumes.dtype if volumes.is_floating_point() else torch.float32
        mean = torch.empty(0)
        for index, plane in enumerate(planes):
            parts = ((at, scores / len(planes)) for at, scores in slabs(plane)) if len(planes) > 1 else slabs(plane)
            scores = assemble_volume(parts, plane, volumes.shape, torch.float16 if self.argmax else dtype, device)
            mean = scores if index == 0 else mean.add_(scores)
        return labels_of_scores(mean) if self.argmax else mean

    def _slabs(
        self, volumes: torch.Tensor, plane: int | str, network: Network, args: tuple, kwargs: dict
    ) -> Iterator[tuple[tuple[int, slice], torch.Tensor]]:
        """Scores ``(n, classes, rows, columns)`` of all slabs of a plane, each after its place in the volume."""
        axes = slice_axes(plane)
        size = [volumes.shape[axis + 2] for axis in axes[1:]]
        roi = tuple(min(r, s) for r, s in zip(fall_back_tuple(self.roi_size, size), size))
        device = torch.device(self.sw_device or volumes.device)
        overlap = ensure_tuple_rep(self.overlap, 2)
        whole = list(roi) == size
        windows = [] if whole else plan_windows(size, roi, overlap, self.mode, self.sigma_scale, device)
        mirrored = [axis for axis in self.mirror_axes if volumes.shape[axis + 2] > 1]
        passes = [subset for count in range(len(mirrored) + 1) for subset in combinations(mirrored, count)]
        preferred = getattr(network, "preferred_batch_size", lambda height, width: self.sw_batch_size)
        call = FittingBatches(lambda batch: network(batch, *args, **kwargs), min(self.sw_batch_size, preferred(*roi)))
        run = partial(self._mean_of_passes, axes=axes, passes=passes, windows=windows, call=call)
        parts = self._one_by_one if self.out_slices == 1 else self._in_groups
        for b in track(range(len(volumes)), description="volumes", disable=not self.progress or len(volumes) == 1):
            for place, scores in parts(volumes[b], plane, device, call, run):
                yield (b, place), scores

    def _one_by_one(
        self, volume: torch.Tensor, plane: int | str, device: torch.device, call: FittingBatches, run: Run
    ) -> Iterator[tuple[slice, torch.Tensor]]:
        """Scores of slices that the network predicts one by one."""
        depth = volume.shape[slice_axes(plane)[0] + 1]
        starts = range(0, depth, self.sw_batch_size)
        for start in track(starts, description="slices", disable=not self.progress):
            stop = min(start + self.sw_batch_size, depth)
            slab = gather_slab(volume, start, stop, plane, self.context).to(device)
            at = start
            while at < stop:  # as many as the network likes: their features and scores stay in the cache
                part = slice(at, min(at + call.batch_size, stop))
                block = slab[part.start - start : part.stop - start + 2 * self.context]
                yield part, run(partial(with_context, block, self.context))
                at = part.stop

    def _in_groups(
        self, volume: torch.Tensor, plane: int | str, device: torch.device, call: FittingBatches, run: Run
    ) -> Iterator[tuple[slice, torch.Tensor]]:
        """Scores of slices that the network predicts several at once."""
        depth = volume.shape[slice_axes(plane)[0] + 1]
        starts = plan_groups(depth, self.out_slices, self.out_step)
        mean = GroupMean(depth)
        with Progress(disable=not self.progress) as progress:
            bar = progress.add_task("slices", total=len(starts))
            at = 0
            while at < len(starts):
                part = starts[at : at + call.batch_size]
                at += len(part)
                middles = torch.tensor(part) + self.out_slices // 2
                slices = take_slices(volume, middles, plane, self.context).to(device)
                scores = run(partial(_mirrored_neighbours, slices, 2 * self.context + 1))
                yield mean.add(part, scores, starts[at] if at < len(starts) else None)
                progress.advance(bar, len(part))

    def _mean_of_passes(
        self,
        slices_of: Callable[..., torch.Tensor],
        axes: tuple[int, int, int],
        passes: list[tuple[int, ...]],
        windows: list[Window],
        call: FittingBatches,
    ) -> torch.Tensor:
        """Mean scores over the mirrored passes, each mirrored back; the network's inputs by ``mirrored``."""

        def scores(subset: tuple[int, ...]) -> torch.Tensor:
            slices = slices_of(mirrored=axes[0] in subset)
            flips = [dim for dim, axis in ((-2, axes[1]), (-1, axes[2])) if axis in subset]
            out = self._scores(slices.flip(flips) if flips else slices, windows, call)  # flip copies
            expected = (self.out_slices,) if self.out_slices > 1 else ()
            if out.shape[2:-2] != expected:
                raise RuntimeError(
                    f"the network returned scores of shape {tuple(out.shape)}; with out_slices={self.out_slices} "
                    f"expected {('N', 'classes', *expected, 'H', 'W')}. Give both the same."
                )
            back = [*flips, 2] if axes[0] in subset and self.out_slices > 1 else flips
            return out.flip(back) if back else out

        total = reduce(torch.add, map(scores, passes))
        return total / len(passes) if len(passes) > 1 else total

    @staticmethod
    def _scores(slices: torch.Tensor, windows: list[Window], call: FittingBatches) -> torch.Tensor:
        if not windows:
            return call(slices)
        cut = torch.cat([slices[..., window.rows, window.columns] for window in windows])
        return blend_windows(call(cut), windows, slices.shape[2:])


def _mirrored_neighbours(slices: torch.Tensor, neighbours: int, mirrored: bool) -> torch.Tensor:
    """Slices with their context, the neighbours in reversed order where the stack is mirrored."""
    return slices.unflatten(1, (neighbours, -1)).flip(1).flatten(1, 2) if mirrored else slices
