"""Resampling that leaves its neighbours alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.transforms import Spacingd as MonaiSpacingd

__all__ = ["Spacingd"]


class Spacingd(MonaiSpacingd):
    """:class:`monai.transforms.Spacingd` that changes its own keys only.

    MONAI's (1.6.1) takes every item whose name begins with a key's and an underscore for that key's metadata, and
    fails where it is none: for ``image`` at MONAI Label's ``image_path``, with ``'str' object has no attribute
    'update'``.
    """

    def __call__(self, data: Mapping[Hashable, Any], lazy: bool | None = None) -> dict[Hashable, Any]:
        """Resample; see MONAI's."""
        own = {key: value for key, value in data.items() if key in self.keys}
        return {**data, **super().__call__(own, lazy)}
