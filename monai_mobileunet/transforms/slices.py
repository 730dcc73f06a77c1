"""Random slices with context out of volumes, for training 2D networks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Randomizable
from monai.transforms.traits import MultiSampleTrait
from monai.utils import ensure_tuple, ensure_tuple_rep

from monai_mobileunet.slicing import slice_axes, take_slices

__all__ = ["RandSliceSamplesd"]


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
            :func:`monai_mobileunet.slicing.slice_axes`.
        context: neighbouring slices on each side, per key: of the image as the network wants it, 0 for the label.
        pad_values: per key, what to pad with; ``None`` repeats the edge.
        context_axis: per key, whether the neighbours become an axis of their own behind the channels: of the label
            where the network predicts several slices at once.
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
        spatial_dim: int | str | Sequence[int | str] = 2,
        context: Sequence[int] | int = 0,
        pad_values: Sequence[float | None] | float | None = None,
        context_axis: Sequence[bool] | bool = False,
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
        self.context = ensure_tuple_rep(context, len(self.keys))
        self.pad_values = ensure_tuple_rep(pad_values, len(self.keys))
        self.context_axis = ensure_tuple_rep(context_axis, len(self.keys))

    def draw(self, spatial_shape: Sequence[int]) -> tuple[int | str, torch.Tensor, list[tuple[int, int]]]:
        """Draw the plane, the slices, and the corner of each slice's window in the padded slice."""
        plane = self.planes[self.R.randint(len(self.planes))]
        depth, *in_plane = (spatial_shape[axis] for axis in slice_axes(plane))
        rounds = -(-self.num_samples // depth)
        order = [index for _ in range(rounds) for index in self.R.permutation(depth)][: self.num_samples]
        slack = [max(size - roi, 0) for size, roi in zip(in_plane, self.roi_size, strict=True)]
        corners = [(int(self.R.randint(slack[0] + 1)), int(self.R.randint(slack[1] + 1))) for _ in order]
        return plane, torch.tensor(order), corners

    def __call__(self, data: Mapping[Hashable, Any]) -> list[dict[Hashable, Any]]:
        """Cut the slices; see the class."""
        present = list(self.key_iterator(data, self.context, self.pad_values, self.context_axis))
        shapes = {tuple(data[key].shape[1:]) for key, *_ in present}
        if len(shapes) != 1 or len(next(iter(shapes))) != 3:
            raise ValueError(f"{self.keys} have spatial shapes {sorted(shapes)}; expected one 3D shape for all.")
        plane, indices, corners = self.draw(shapes.pop())
        rest = {key: value for key, value in data.items() if key not in self.keys}
        samples = [dict(rest) for _ in corners]
        for key, context, pad_value, as_axis in present:
            volume = data[key].as_tensor() if isinstance(data[key], MetaTensor) else torch.as_tensor(data[key])
            slices = self._pad(take_slices(volume, indices, plane, context), pad_value)
            for sample, cut, (row, column) in zip(samples, slices, corners, strict=True):
                window = cut[:, row : row + self.roi_size[0], column : column + self.roi_size[1]]
                if as_axis and context:
                    window = window.unflatten(0, (2 * context + 1, -1)).movedim(1, 0)
                sample[key] = window.contiguous()
        return samples

    def _pad(self, slices: torch.Tensor, value: float | None) -> torch.Tensor:
        missing = [max(roi - size, 0) for roi, size in zip(self.roi_size, slices.shape[2:], strict=True)]
        padding = [missing[1] // 2, missing[1] - missing[1] // 2, missing[0] // 2, missing[0] - missing[0] // 2]
        if not any(padding):
            return slices
        if value is None:
            padded = torch.nn.functional.pad(slices.float(), padding, mode="replicate")
            return padded.to(slices.dtype)
        return torch.nn.functional.pad(slices, padding, value=value)
