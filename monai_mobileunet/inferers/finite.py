"""NaN and infinite values before and behind a network: a failure, never a mask without anything in it."""

from __future__ import annotations

from typing import Any

import torch

from monai_mobileunet.wording import counted

__all__ = ["FiniteScores", "check_finite"]


def check_finite(values: torch.Tensor, name: str = "the image") -> None:
    """Refuse what is not finite before the network sees it: one such value can spoil a whole window.

    One pass over the memory (25 ms for 512×512×300 in float32), since a minimum of anything with NaN is NaN.

    Args:
        values: not empty, of any shape and type.
        name: what they are, for the message.

    Raises:
        ValueError: there are NaN or infinite values.
    """
    if not values.is_floating_point():
        return
    lowest, highest = values.detach().aminmax()
    if not torch.isfinite(torch.stack([lowest, highest])).all():
        count = int((~torch.isfinite(values.detach())).sum())
        raise ValueError(
            f"{count} of {counted(values.numel(), 'value')} of {name} are not finite (NaN or "
            "infinite) at the network; expected "
            "none. Replace them in the file, or look which transform of the preprocessing makes them."
        )


class FiniteScores:
    """Look at the scores of slab after slab, and tell at the end: a device is not waited for in between."""

    def __init__(self) -> None:
        self._highest: list[Any] = []

    def look(self, scores: torch.Tensor) -> None:
        """Take note of scores; a maximum of anything with NaN is NaN."""
        if not scores.is_floating_point() or not scores.numel():
            return
        values = scores.detach()
        if values.device.type == "cpu" and values.dtype != torch.bfloat16:
            self._highest.append(values.numpy().max())  # not in parallel, for the reason that labels_of_scores gives
        else:
            self._highest.append(values.amax())

    def check(self) -> None:
        """Refuse what was seen.

        Raises:
            ValueError: NaN, or infinite scores.
        """
        if not self._highest:
            return
        highest = torch.stack([torch.as_tensor(value).float().cpu() for value in self._highest])
        count = int((~torch.isfinite(highest)).sum())
        if count:
            raise ValueError(
                f"the network's scores are not finite (NaN or infinite) in {count} of "
                f"{counted(len(highest), 'batch', 'batches')} of "
                "slices; expected numbers. The weights are damaged, or reduced precision overflows: choose "
                "the runtime 'torch' (float32)."
            )
