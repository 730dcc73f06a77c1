"""A 2D network over the slices of 3D volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from monai.data import MetaTensor
from monai.inferers import SliceInferer
from monai.utils import PytorchPadMode, ensure_tuple, ensure_tuple_rep, fall_back_tuple, look_up_option
from rich.progress import Progress, track

from monai_mobileunet.inferers.assembly import GroupMean, assemble_volumes, labels_of_outputs, plan_groups
from monai_mobileunet.inferers.batches import FittingBatches
from monai_mobileunet.inferers.finite import FiniteScores, check_finite
from monai_mobileunet.inferers.mirrored import checked_axes
from monai_mobileunet.inferers.passes import MirroredPasses, Scores, SliceNetwork, mirrored_neighbours, with_condition
from monai_mobileunet.inferers.windows import Padding, plan_windows
from monai_mobileunet.outputs import Output, pack_outputs
from monai_mobileunet.slicing import gather_slab, slice_axes, take_slices, with_context

__all__ = ["ContextSliceInferer"]


class ContextSliceInferer(SliceInferer):
    """Slice by slice inference with batches of slices, 2.5D context, several planes, and windows where needed.

    It takes the place of :class:`monai.inferers.SliceInferer` in bundle configs, engines and MONAI Label: arguments
    have the same names and places, and with the same window and no context it gives the same scores. One thing differs
    unless ``padding_mode`` or ``cval`` is given: slices smaller than the window are not padded to it (the networks of
    this package pad as little as they need, by repeating the border). What it adds:

    - Whole slices go through the network in batches of ``sw_batch_size``; an axis of the slice is cut into
      overlapping windows only where it is longer than ``roi_size``.
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
    - NaN and infinite values are refused, in the image and in the scores.

    Memory: beside the volume, its result and what the network itself takes there is one slab of ``sw_batch_size``
    slices, with their windows and scores. With ``argmax`` and one plane the result has a byte per voxel; without,
    and while several planes are averaged, it has ``classes`` floats (of 16 bits with ``argmax``).

    A network may know what it is fastest with: where it has a method ``preferred_batch_size(height, width)``, as the
    runtimes of this package have, batches are no larger than that.

    Args:
        spatial_dim: the axis (0, 1, 2) that slices are stacked along, or a plane of a volume with RAS axes
            (``"sagittal"``, ``"coronal"``, ``"axial"``), or a sequence of these. By name the slices lie as
            :data:`monai_mobileunet.slicing.PLANES` says, by number as in :class:`monai.inferers.SliceInferer`.
        roi_size: largest window in the slice, ``(H', W')`` or one number; a non-positive entry stands for the
            whole length.
        sw_batch_size: slices or windows per call of the network, at most.
        overlap: share of a window that overlaps with the next, in [0, 1).
        mode: how overlapping windows are weighted, ``"constant"`` or ``"gaussian"``.
        sigma_scale: width of the Gaussian weights relative to the window.
        padding_mode: how slices that are smaller than ``roi_size`` are padded to it before the network, and their
            scores cropped: ``"constant"``, ``"reflect"``, ``"replicate"`` or ``"circular"``. ``None`` means
            ``"constant"`` where ``cval`` is given, and otherwise no padding. MONAI's default is ``"constant"``.
        cval: what ``"constant"`` pads with; ``None`` means 0.
        sw_device: device of the network; by default that of the inputs.
        device: device of the result; by default that of the inputs.
        progress: show a progress bar over the slices.
        cpu_thresh: number of voxels beyond which the result lies on the CPU, where ``device`` is not given.
        cache_roi_weight_map, buffer_steps, buffer_dim: without effect; weights of windows are computed once per plane
            of a volume, and results are written slab by slab.
        with_coord: refused if true; MONAI's SliceInferer takes it, and fails at the first call.
        context: neighbouring slices on each side. The network has ``C * (2 * context + 1)`` input channels.
        mirror_axes: axes of the volume (0, 1, 2) along which no class has a side. Every combination of them is
            a pass of its own, so each axis doubles the time.
        argmax: return the label of the highest score, ``uint8`` with one channel, in place of scores; of several
            outputs each becomes labels by itself.
        out_slices: how many slices the network predicts at once, the middle ones of its context: odd. With more
            than one it returns ``(N, classes, out_slices, H', W')``.
        out_step: slices from one such group to the next, from 1 to ``out_slices``; by default ``out_slices``.

    Raises:
        ValueError: a plane or an axis that does not exist, a negative context, a batch size under 1, an overlap
            outside [0, 1), an even number of slices at once, a step that leaves slices out, or ``with_coord``.
    """

    def __init__(
        self,
        spatial_dim: int | str | Sequence[int | str] = 0,
        roi_size: Sequence[int] | int = -1,
        sw_batch_size: int = 8,
        overlap: Sequence[float] | float = 0.25,
        mode: str = "constant",
        sigma_scale: Sequence[float] | float = 0.125,
        padding_mode: str | None = None,
        cval: float | None = None,
        sw_device: torch.device | str | None = None,
        device: torch.device | str | None = None,
        progress: bool = False,
        cache_roi_weight_map: bool = False,
        cpu_thresh: int | None = None,
        buffer_steps: int | None = None,
        buffer_dim: int = -1,
        with_coord: bool = False,
        *,
        context: int = 0,
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
        self.mirror_axes = checked_axes(mirror_axes)
        if out_slices < 1 or out_slices % 2 == 0:
            raise ValueError(f"out_slices is {out_slices}; it must be odd: the context is counted from the middle one.")
        if out_step is not None and not 1 <= out_step <= out_slices:
            raise ValueError(f"out_step is {out_step}; with {out_slices} slices at once it is 1 to {out_slices}.")
        if with_coord:
            raise ValueError("with_coord is True; a network of slices has no use for places in a volume. Leave it out.")
        super().__init__(
            spatial_dim=stacks[0],
            roi_size=ensure_tuple_rep(roi_size, 2),
            sw_batch_size=sw_batch_size,
            overlap=overlap,
            mode=mode,
            sigma_scale=sigma_scale,
            padding_mode=look_up_option(padding_mode or "constant", PytorchPadMode),
            cval=cval or 0.0,
            sw_device=sw_device,
            device=device,
            progress=progress,
            cpu_thresh=cpu_thresh,
            buffer_steps=buffer_steps,
            buffer_dim=buffer_dim,
        )
        self.pads = padding_mode is not None or cval is not None
        self.context = context
        self.argmax = argmax
        self.out_slices = out_slices
        self.out_step = out_step or out_slices

    def __call__(self, inputs: torch.Tensor, network: Callable[..., Output], *args: Any, **kwargs: Any) -> Any:
        """Scores or labels of a volume.

        Args:
            inputs: ``(B, C, H, W, D)``, or ``(B, C, H, W)`` for a single slice.
            network: takes ``(N, C * (2 * context + 1), H', W')``, returns ``(N, classes, H', W')``, or with
                ``out_slices`` over 1 ``(N, classes, out_slices, H', W')``; or a tuple, a list or a dictionary of such
                tensors, whose sizes may differ from that of the slices if one plane is named.
            args: passed on to ``network``.
            kwargs: likewise; but ``condition``, a tensor of the inputs' shape, is cut as the inputs are, and given to
                the network in the second place.

        Returns:
            ``(B, classes, H, W, D)`` or ``(B, classes, H, W)``, of the inputs' floating-point type; with ``argmax``
            ``uint8`` and one channel in place of the classes. With the inputs' metadata if they are a
            :class:`monai.data.MetaTensor`. A tuple or a dictionary of these where the network returns several.

        Raises:
            ValueError: inputs of another rank, empty or not finite, a condition of another shape, scores that are not
                finite, or with ``argmax`` an output of one channel or of more than 256.
            RuntimeError: a network that predicts another number of slices at once, or outputs of other sizes than the
                slices' with several planes.
            TypeError: a network that returns something other than tensors.
        """
        if inputs.dim() not in (4, 5) or 0 in inputs.shape:
            raise ValueError(
                f"inputs have shape {tuple(inputs.shape)}; expected (B, C, H, W, D), or (B, C, H, W) for one slice, "
                "and nothing empty."
            )
        volumes = inputs.as_tensor() if isinstance(inputs, MetaTensor) else inputs
        check_finite(volumes)
        dtype = volumes.dtype if volumes.is_floating_point() else torch.float32
        condition = kwargs.pop("condition", None)
        if condition is not None:
            volumes = with_condition(volumes, condition)
        planes = self.planes if inputs.dim() == 5 else (2,)
        called = SliceNetwork(network, args, kwargs, condition is not None, 2 * self.context + 1)
        outputs = self._planes(volumes if inputs.dim() == 5 else volumes[..., None], planes, called, dtype)
        outputs = outputs if inputs.dim() == 5 else tuple(out[..., 0] for out in outputs)
        if isinstance(inputs, MetaTensor):
            outputs = tuple(MetaTensor(out).copy_meta_from(inputs) for out in outputs)
        return pack_outputs(outputs, called.keys)

    def _planes(
        self, volumes: torch.Tensor, planes: tuple[int | str, ...], network: SliceNetwork, dtype: torch.dtype
    ) -> Scores:
        """Labels or mean scores over all planes, for each of the network's outputs."""
        large = self.cpu_thresh is not None and volumes.shape[2:].numel() > self.cpu_thresh
        device = self.device or ("cpu" if large else volumes.device)
        finite = FiniteScores()
        slabs = partial(self._slabs, volumes, network=network, finite=finite)
        if self.argmax and len(planes) == 1:
            labels = ((at, labels_of_outputs(scores)) for at, scores in slabs(planes[0]))
            outputs = assemble_volumes(labels, planes[0], volumes.shape, torch.uint8, device)
            finite.check()
            return outputs

        dtype = torch.float16 if self.argmax else dtype
        mean: Scores = ()
        for index, plane in enumerate(planes):
            parts = ((at, tuple(one / len(planes) for one in scores)) for at, scores in slabs(plane))
            scores = assemble_volumes(parts if len(planes) > 1 else slabs(plane), plane, volumes.shape, dtype, device)
            if len(planes) > 1 and any(one.shape[2:] != volumes.shape[2:] for one in scores):
                shapes = [tuple(one.shape[2:]) for one in scores]
                raise RuntimeError(
                    f"the network's scores make volumes of {shapes}, expected {tuple(volumes.shape[2:])}: slices of "
                    "several planes meet only where their size is kept. Name one plane with spatial_dim."
                )
            mean = scores if index == 0 else tuple(total.add_(one) for total, one in zip(mean, scores, strict=True))
        finite.check()
        return labels_of_outputs(mean) if self.argmax else mean

    def _slabs(
        self, volumes: torch.Tensor, plane: int | str, network: SliceNetwork, finite: FiniteScores
    ) -> Iterator[tuple[tuple[int, slice], Scores]]:
        """Scores ``(n, classes, rows, columns)`` of all slabs of a plane, each after its place in the volume."""
        axes = slice_axes(plane)
        rows, columns = (volumes.shape[axis + 2] for axis in axes[1:])
        roi = fall_back_tuple(self.roi_size, (rows, columns))
        padding = Padding((rows, columns), roi, str(self.padding_mode), self.cval) if self.pads else None
        size = (rows, columns) if padding is None else padding.padded
        window = (min(roi[0], size[0]), min(roi[1], size[1]))
        device = torch.device(self.sw_device or volumes.device)
        overlap = ensure_tuple_rep(self.overlap, 2)
        windows = [] if window == size else plan_windows(size, window, overlap, self.mode, self.sigma_scale, device)
        mirrored = [axis for axis in self.mirror_axes if volumes.shape[axis + 2] > 1]
        preferred = getattr(network.network, "preferred_batch_size", lambda height, width: self.sw_batch_size)
        call = FittingBatches(network, min(self.sw_batch_size, preferred(*window)))
        run = MirroredPasses(call, axes, mirrored, windows, padding, self.out_slices)
        parts = self._one_by_one if self.out_slices == 1 else self._in_groups
        for b in track(range(len(volumes)), description="volumes", disable=not self.progress or len(volumes) == 1):
            for place, scores in parts(volumes[b], plane, device, run):
                for one in scores:
                    finite.look(one)
                yield (b, place), scores

    def _one_by_one(
        self, volume: torch.Tensor, plane: int | str, device: torch.device, run: MirroredPasses
    ) -> Iterator[tuple[slice, Scores]]:
        """Scores of slices that the network predicts one by one."""
        depth = volume.shape[slice_axes(plane)[0] + 1]
        starts = range(0, depth, self.sw_batch_size)
        for start in track(starts, description="slices", disable=not self.progress):
            stop = min(start + self.sw_batch_size, depth)
            slab = gather_slab(volume, start, stop, plane, self.context).to(device)
            at = start
            while at < stop:  # as many as the network likes: their features and scores stay in the cache
                part = slice(at, min(at + run.call.batch_size, stop))
                block = slab[part.start - start : part.stop - start + 2 * self.context]
                yield part, run(partial(with_context, block, self.context))
                at = part.stop

    def _in_groups(
        self, volume: torch.Tensor, plane: int | str, device: torch.device, run: MirroredPasses
    ) -> Iterator[tuple[slice, Scores]]:
        """Scores of slices that the network predicts several at once."""
        depth = volume.shape[slice_axes(plane)[0] + 1]
        starts = plan_groups(depth, self.out_slices, self.out_step)
        means: list[GroupMean] = []
        with Progress(disable=not self.progress) as progress:
            bar = progress.add_task("slices", total=len(starts))
            at = 0
            while at < len(starts):
                part = starts[at : at + run.call.batch_size]
                at += len(part)
                middles = torch.tensor(part) + self.out_slices // 2
                slices = take_slices(volume, middles, plane, self.context).to(device)
                scores = run(partial(mirrored_neighbours, slices, 2 * self.context + 1))
                means = means or [GroupMean(depth) for _ in scores]
                following = starts[at] if at < len(starts) else None
                done = [mean.add(part, one, following) for mean, one in zip(means, scores, strict=True)]
                yield done[0][0], tuple(one for _, one in done)
                progress.advance(bar, len(part))
