"""Validation that several processes share, however few cases there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ignite.distributed as idist
import torch
import torch.distributed as dist
from ignite.engine import Events
from monai.engines import SupervisedEvaluator
from monai.metrics import Cumulative
from monai.utils import evenly_divisible_all_gather

__all__ = ["SharedEvaluator"]


class SharedEvaluator(SupervisedEvaluator):
    """:class:`monai.engines.SupervisedEvaluator` that takes part in the metrics of all processes without a case.

    MONAI's engine skips its run where its loader is empty, so that the processes with cases wait forever for this one,
    and its :class:`monai.metrics.Cumulative` cannot gather from a process that has measured nothing. Here such a
    process fires the events of a run without an iteration, and adds no row to the tables of the others. It ends with
    the same metrics as they.

    The loader of each process has to give it its own cases and no other's: ``range(rank, cases, processes)`` as its
    sampler does. The first process has a case wherever there is one.

    Args:
        args: as for :class:`monai.engines.SupervisedEvaluator`.
        kwargs: as for :class:`monai.engines.SupervisedEvaluator`.
    """

    def run(self, global_epoch: int = 1) -> None:  # type: ignore[override]
        """Evaluate this process's cases, and compute the metrics of those of all.

        Args:
            global_epoch: of the training that this validates.
        """
        if self.state.epoch_length or not self._some_are_idle():
            super().run(global_epoch)
            return
        self.state.max_epochs, self.state.epoch, self.state.iteration = max(global_epoch, 1), global_epoch, 0
        for event in (Events.STARTED, Events.EPOCH_STARTED, Events.EPOCH_COMPLETED, Events.COMPLETED):
            self.fire_event(event)

    def _register_metrics(self, k_metric: dict, add_metrics: dict | None = None) -> None:
        self._metrics: Mapping[str, Any] = {**k_metric, **(add_metrics or {})}
        self.add_event_handler(Events.EPOCH_COMPLETED, self._join_the_gathering)  # before the metrics' own handlers
        super()._register_metrics(k_metric, add_metrics)

    def _some_are_idle(self) -> bool:
        return 0 < len(getattr(self.data_loader, "dataset", ())) < idist.get_world_size()

    def _join_the_gathering(self) -> None:
        """Gather with the others in a process without cases; they do so when each metric is computed."""
        if not self._some_are_idle():
            return
        gathering = [metric.metric_fn for metric in self._metrics.values()]
        forms: list[Any] = [[_form(one) for one in gathering] if idist.get_rank() == 0 else None]
        dist.broadcast_object_list(forms, src=0)
        if self.state.epoch_length:
            return
        for one, form in zip(gathering, forms[0], strict=True):
            nothing = (torch.empty((0, *shape), dtype=dtype) for shape, dtype in form)
            # MONAI fills these from rows of its own alone, and there are none to stack
            one._synced_tensors = [evenly_divisible_all_gather(rows, concat=True) for rows in nothing]
            one._synced = True


def _form(gathering: Cumulative) -> list[tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of a row in each buffer of a metric that has measured something."""
    return [(tuple(rows[0].shape), rows[0].dtype) for rows in gathering._buffers or ()]
