"""Any inferer, with the network in another runtime."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from os import PathLike
from threading import Lock
from typing import Any

import torch
from monai.inferers import Inferer, SimpleInferer
from monai.utils import look_up_option
from torch import nn
from torch.nn import DataParallel
from torch.nn.parallel import DistributedDataParallel

from monai_mobileunet.runtimes.base import Runtime
from monai_mobileunet.runtimes.manifest import find_export, hash_weights
from monai_mobileunet.runtimes.table import RUNTIMES, create_runtime
from monai_mobileunet.runtimes.torch_runtime import TorchRuntime

__all__ = ["RuntimeInferer"]

logger = logging.getLogger(__name__)


class RuntimeInferer(Inferer):
    """Run another inferer with the network in a runtime of choice.

    The runtime is made at the first call, from the file that was exported from the network's weights where
    there is one, else from the network; and again when the weights have changed since.

    A network in training mode is called as it is where gradients are wanted. Where they are not, all of it is in eval
    mode but its dropout, in torch: each call is then a sample of what the network could have said (Monte-Carlo dropout,
    which MONAI Label's epistemic scoring is made of). Samples are averaged, so the inferer is then asked for scores,
    where with ``argmax`` it would give labels.

    Args:
        inferer: what to run; :class:`monai.inferers.SimpleInferer` by default.
        runtime: key of :data:`monai_mobileunet.runtimes.RUNTIMES`.
        exports: folder that ``mobileunet export`` has written to, a bundle's ``models``.

    Raises:
        ValueError: a runtime that does not exist.
    """

    def __init__(
        self, inferer: Inferer | None = None, runtime: str = "torch", exports: str | PathLike | None = None
    ) -> None:
        super().__init__()
        self.inferer = SimpleInferer() if inferer is None else inferer
        self.runtime = look_up_option(runtime, set(RUNTIMES))
        self.exports = exports
        self._lock = Lock()
        self._made: tuple[str, Runtime] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle gets: all but the lock and the runtime, which it makes for itself when called."""
        return {name: value for name, value in vars(self).items() if name not in ("_lock", "_made")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=Lock(), _made=None)

    def __call__(self, inputs: torch.Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the wrapped inferer returns.

        Raises:
            ModuleNotFoundError: the runtime is not installed.
            ValueError: there is no quantised model, an exported file is damaged, or the network cannot be converted or
                compiled here.
        """
        if not isinstance(network, nn.Module) or (network.training and torch.is_grad_enabled()):
            return self.inferer(inputs, network, *args, **kwargs)
        if isinstance(network, DistributedDataParallel | DataParallel):  # each process infers by itself
            return self(inputs, network.module, *args, **kwargs)
        inferer: Any = self.inferer
        if network.training and getattr(inferer, "argmax", False):
            inferer = copy.copy(inferer)  # another thread may predict with it
            inferer.argmax = False
        return inferer(inputs, self._runtime(network), *args, **kwargs)

    def prepare(self, network: nn.Module) -> None:
        """Make the runtime of a network in eval mode, as the first call would.

        Raises:
            ModuleNotFoundError: the runtime is not installed.
            ValueError: there is no quantised model, an exported file is damaged, or the network cannot be converted or
                compiled here.
        """
        self._runtime(network)

    def _runtime(self, network: nn.Module) -> Runtime:
        state = f"{id(network)} {network.training} {hash_weights(network)}"
        with self._lock:
            if (self._made is None or self._made[0] != state) and network.training:
                self._made = state, TorchRuntime(network, dropout=True)
            elif self._made is None or self._made[0] != state:
                export = RUNTIMES[self.runtime].export
                file = None if export is None or self.exports is None else find_export(self.exports, export, network)
                self._made = state, create_runtime(self.runtime, network, file=file)
                logger.info("The network runs in %s%s.", self.runtime, f", from {file}" if file else "")
            return self._made[1]
