"""Slices with context out of volumes, drawn at random for a training."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Randomizable
from monai.transforms.traits import MultiSampleTrait
from monai.utils import ensure_tuple, ensure_tuple_rep
from torch.nn.functional import max_pool1d

from monai_mobileunet.slicing import pad_slices, slice_axes, take_slices

__all__ = ["RandSliceSamplesd"]

THERE = 0.25
"""Score from which a class is in a voxel. A label that is mixed with what teachers say keeps its share of the score."""


class RandSliceSamplesd(Randomizable, MapTransform, MultiSampleTrait):
    """Cut ``num_samples`` random slices out of a volume, all across one randomly chosen plane.

    What :class:`monai.inferers.SliceInferer`'s networks are trained on otherwise takes a chain of crops,
    transpositions and squeezes; this cuts the slices with their context as
    :class:`monai_mobileunet.inferers.ContextSliceInferer` will, in a random window of ``roi_size``. A slice
    smaller than the window is padded on both sides by repeating its edge (with ``pad_values`` where given).

    Args:
        keys: items to cut, of the same spatial shape, each ``(C, H, W, D)``.
        roi_size: size of the window in the slice, ``(H', W')`` or one number.
        num_samples: slices per volume; each once before any is repeated.
        spatial_dim: axis (0, 1, 2) or plane's name, or several of them to choose from; see
            :func:`monai_mobileunet.slicing.slice_axes`. The default is that of the inferer, and of MONAI's.
        context: neighbouring slices on each side, per key: of the image as the network wants it, 0 for the label.
        pad_values: per key, what to pad with; ``None`` repeats the edge.
        context_axis: per key, whether the neighbours become an axis of their own behind the channels: of the label
            where the network predicts several slices at once.
        class_key: item that tells where the classes are: class numbers ``(1, H, W, D)``, which cost the least, or a
            one-hot label or scores ``(classes, H, W, D)``.
        class_share: share of the samples, from 0 to 1, that are drawn by class: one that the volume has (the
            background not counted) is chosen at random, and then a slice that has it. What reaches through few
            slices is otherwise seldom seen, as in :class:`monai.transforms.RandCropByLabelClassesd`.
        class_in_window: whether the window of a slice that is drawn by class holds a voxel of that class, at a random
            place in it; else windows lie anywhere.
        num_classes: classes with the background, where ``class_key`` has further numbers or channels: the first of
            them marks voxels of which nothing is known, and those behind it voxels of several possible classes; see
            :mod:`monai_mobileunet.annotation`. Slices of which nothing is known, their neighbours in the item
            ``class_key`` included, are not drawn. Of a volume without any other, all are.
        allow_missing_keys: do not raise if a key is missing.

    Returns:
        A list of ``num_samples`` dictionaries; the items of ``keys`` are plain tensors
        ``(C * (2 * context + 1), H', W')``, or with ``context_axis`` and context ``(C, 2 * context + 1, H', W')``,
        since a slice has no place in space that its window could keep.
    """

    def __init__(
        self,
        keys: KeysCollection,
        roi_size: Sequence[int] | int,
        num_samples: int = 8,
        spatial_dim: int | str | Sequence[int | str] = 0,
        context: Sequence[int] | int = 0,
        pad_values: Sequence[float | None] | float | None = None,
        context_axis: Sequence[bool] | bool = False,
        class_key: Hashable | None = None,
        class_share: float = 0.0,
        class_in_window: bool = False,
        num_classes: int | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        self.roi_size = ensure_tuple_rep(roi_size, 2)
        self.num_samples = num_samples
        self.planes = ensure_tuple(spatial_dim)
        for plane in self.planes:
            slice_axes(plane)
        if min(self.roi_size) < 1 or num_samples < 1:
            raise ValueError(f"roi_size {roi_size} and num_samples {num_samples} must be at least 1.")
        if not 0 <= class_share <= 1 or (class_share and class_key is None):
            raise ValueError(
                f"class_share is {class_share} of class_key {class_key!r}; give a share of 0 to 1, and a key."
            )
        self.class_key = class_key
        self.class_share = class_share
        self.class_in_window = class_in_window
        self.num_classes = num_classes
        self.context = ensure_tuple_rep(context, len(self.keys))
        self.pad_values = ensure_tuple_rep(pad_values, len(self.keys))
        self.context_axis = ensure_tuple_rep(context_axis, len(self.keys))

    def draw(
        self, spatial_shape: Sequence[int], classes: torch.Tensor | None = None
    ) -> tuple[int | str, torch.Tensor, list[tuple[int, int]]]:
        """Draw the plane, the slices, and the corner of each slice's window in the padded slice.

        Args:
            spatial_shape: of the volume.
            classes: where the classes are, as the item ``class_key`` tells, for the slices that are drawn by class.
        """
        plane = self.planes[self.R.randint(len(self.planes))]
        stack, *rest = slice_axes(plane)
        depth, *in_plane = (spatial_shape[axis] for axis in (stack, *rest))
        slices = np.arange(depth)
        if classes is not None and self.num_classes is not None:
            slices = self._known(classes, self.num_classes, stack)
        drawn = self._draw_by_class(classes, stack) if classes is not None else []
        by_class = [index for index, _ in drawn]
        anywhere = self.num_samples - len(by_class)
        rounds = -(-anywhere // len(slices))
        order = by_class + [index for _ in range(rounds) for index in self.R.permutation(slices)][:anywhere]
        slack = [max(size - roi, 0) for size, roi in zip(in_plane, self.roi_size, strict=True)]
        corners = [(int(self.R.randint(slack[0] + 1)), int(self.R.randint(slack[1] + 1))) for _ in order]
        if classes is not None and self.class_in_window:
            of_class = classes.permute(0, stack + 1, rest[0] + 1, rest[1] + 1)
            masks = [_mask(of_class[:, index], number) for index, number in drawn]
            corners[: len(drawn)] = [self._corner(mask, slack) for mask in masks]
        return plane, torch.tensor(order), corners

    def _corner(self, mask: torch.Tensor, slack: Sequence[int]) -> tuple[int, int]:
        """Of a window with a random one of the places where a class is in a slice."""
        places = torch.nonzero(mask)
        place = places[self.R.randint(len(places))].tolist()
        row, column = (
            int(self.R.randint(max(0, at - roi + 1), min(room, at) + 1)) if room else 0
            for at, roi, room in zip(place, self.roi_size, slack, strict=True)
        )
        return row, column

    def _known(self, classes: torch.Tensor, unknown: int, stack: int) -> np.ndarray:
        """Slices of which something is known, in them or in the neighbours that the label of a sample has."""
        known = classes[0] != unknown if len(classes) == 1 else classes[unknown] < 0.5
        annotated = known.amax([axis for axis in range(3) if axis != stack])
        reach = dict(zip(self.keys, self.context, strict=True)).get(self.class_key, 0) if self.class_key else 0
        near = max_pool1d(annotated[None].float(), 2 * reach + 1, 1, reach)[0] > 0
        return np.flatnonzero(near.cpu()) if near.any() else np.arange(len(near))

    def _draw_by_class(self, classes: torch.Tensor, stack: int) -> list[tuple[int, int]]:
        """Slices of classes that are there, with the number of the class; none of a volume without any."""
        count = round(self.class_share * self.num_samples)
        if not count:
            return []
        holds = _slices_of_classes(classes, stack)[1 : self.num_classes]
        present = torch.nonzero(holds.any(1)).flatten().tolist()
        if not present:
            return []
        chosen = self.R.randint(len(present), size=count)
        numbers = [present[index] for index in chosen]
        return [(int(self.R.choice(torch.nonzero(holds[n]).flatten().numpy())), n + 1) for n in numbers]

    def __call__(self, data: Mapping[Hashable, Any]) -> list[dict[Hashable, Any]]:
        """Cut the slices; see the class."""
        present = list(self.key_iterator(data, self.context, self.pad_values, self.context_axis))
        shapes = {tuple(data[key].shape[1:]) for key, *_ in present}
        if len(shapes) != 1 or len(next(iter(shapes))) != 3:
            raise ValueError(f"{self.keys} have spatial shapes {sorted(shapes)}; expected one 3D shape for all.")
        needed = self.class_share or self.num_classes is not None
        classes = self._classes(data[self.class_key]) if needed and self.class_key is not None else None
        plane, indices, corners = self.draw(shapes.pop(), classes)
        rest = {key: value for key, value in data.items() if key not in self.keys}
        samples = [dict(rest) for _ in corners]
        for key, context, pad_value, as_axis in present:
            volume = data[key].as_tensor() if isinstance(data[key], MetaTensor) else torch.as_tensor(data[key])
            mode = "replicate" if pad_value is None else "constant"
            for sample, index, corner in zip(samples, indices, corners, strict=True):
                cut = take_slices(self._window(volume, plane, corner), index[None], plane, context)
                window = pad_slices(cut, self.roi_size, mode, pad_value or 0.0)[0]
                if as_axis and context:
                    window = window.unflatten(0, (2 * context + 1, -1)).movedim(1, 0)
                sample[key] = window.contiguous()
        return samples

    def _classes(self, given: Any) -> torch.Tensor:
        """Where the classes are, by whole numbers from 0 on or by a channel for each class."""
        classes = torch.as_tensor(given)
        if len(classes) > 1 or classes.dtype == torch.uint8:
            return classes
        numbers = classes.to(torch.int32)
        whole = not classes.is_floating_point() or torch.equal(numbers.to(classes.dtype), classes)
        if not whole or int(numbers.min()) < 0:
            raise ValueError(
                f"{self.class_key} has one channel, and values that are no class numbers; expected whole numbers from "
                "0 on, or a one-hot label or scores with a channel for each class, the background included."
            )
        return numbers

    def _window(self, volume: torch.Tensor, plane: int | str, corner: Sequence[int]) -> torch.Tensor:
        """All slices in a window, as a view, so that nothing of a large slice is copied but its window."""
        for axis, start, size in zip(slice_axes(plane)[1:], corner, self.roi_size, strict=True):
            volume = volume.narrow(axis + 1, start, min(size, volume.shape[axis + 1]))
        return volume


def _mask(classes: torch.Tensor, number: int) -> torch.Tensor:
    """Where a class is, out of numbers ``(1, …)`` or of a channel for each class."""
    return classes[0] == number if len(classes) == 1 else classes[number] > THERE


def _slices_of_classes(classes: torch.Tensor, stack: int) -> torch.Tensor:
    """Whether a class is in a slice, ``(classes, slices)``, out of numbers or of a channel for each class."""
    if len(classes) > 1:
        return (classes > THERE).amax([axis + 1 for axis in range(3) if axis != stack])
    numbers, depth, count = classes[0], classes.shape[stack + 1], int(classes.max()) + 1
    offsets = count * torch.arange(depth, device=numbers.device)
    offsets = offsets.reshape([-1 if axis == stack else 1 for axis in range(3)]).expand(len(numbers), -1, -1)
    voxels = torch.zeros(depth * count, dtype=torch.long, device=numbers.device)
    for row, offset in zip(numbers, offsets, strict=True):  # in the order of memory: seven times faster than by slices
        voxels += torch.bincount((row + offset).flatten(), minlength=depth * count)
    return voxels.reshape(depth, count).T > 0
