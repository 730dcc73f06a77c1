"""The weights of another bundle that a training starts from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
from torch import nn

from monai_mobileunet.bundle.reuse import Reused, reuse_weights
from monai_mobileunet.bundle.weights import nearest_weights
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.files import hash_file
from monai_mobileunet.handlers.words import end_in_words

__all__ = ["load_starting_weights"]

ANEW = "--starting_weights '$None' begins with random ones"
REMEDY = f"Copy it from where the bundle was planned; {ANEW}."

logger = logging.getLogger(__name__)


def load_starting_weights(network: nn.Module, class_names: Sequence[str], start: Mapping[str, Any] | None) -> None:
    """Give a network what fits of the weights that its bundle starts from, for ``"initialize"``.

    What a handler loads when the training starts, as the checkpoint of a training that is resumed, takes their place.

    Args:
        network: gets the weights.
        class_names: of the classes from 1 on.
        start: ``path`` of the file of weights, its ``sha256``, the ``bundle`` that they are of, and its
            ``class_names``; ``None`` leaves the network as it is.

    Raises:
        SystemExit: the file is not there, is another one, or has no layer that fits.
    """
    if start is None:
        return
    path = Path(start["path"])
    try:
        if not path.is_file():
            problem = f"no such file; expected the weights of {start['bundle']} that this bundle starts from."
            raise refusal(path, problem, REMEDY)
        if hash_file(path) != start["sha256"]:
            problem = f"is not the file that was planned with (its SHA-256 is not {start['sha256'][:8]}…)."
            raise refusal(path, problem, REMEDY)
        reused = reuse_weights(network, nearest_weights(network, path), class_names, start["class_names"])
        if not any(count for count, _ in reused.values()):
            problem = f"has no layer that fits the network; expected those of {start['bundle']}."
            raise refusal(path, problem, f"Leave out what was changed of the network; {ANEW}.")
    except (ValueError, OSError) as error:
        end_in_words(str(error), everywhere=False)
    if idist.get_rank() == 0:
        logger.info("starts from %s: %s", start["bundle"], in_words(reused))


def in_words(reused: Reused) -> str:
    """How much of a network is reused, and what starts anew."""
    count, total = (sum(counts) for counts in zip(*reused.values(), strict=True))
    share = f"{count:,} of {total:,} parameters are reused"
    anew = [part for part, (found, _) in reused.items() if not found]
    partly = [part for part, (found, size) in reused.items() if 0 < found < size]
    kinds = ((anew, "anew"), (partly, "anew in part"))
    words = [f"{', '.join(parts)} {'starts' if len(parts) == 1 else 'start'} {how}" for parts, how in kinds if parts]
    return f"{share}; {', '.join(words)}." if words else f"{share}."
