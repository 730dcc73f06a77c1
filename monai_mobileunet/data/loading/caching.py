"""The cases of a training, prepared once and kept in memory, with every case that cannot be prepared named."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monai.data import CacheDataset
from monai.transforms import Compose, RandomizableTrait, Transform

from monai_mobileunet.bars import bar
from monai_mobileunet.data.errors import DataError, Finding, ending_program, find_data_error, root_cause

__all__ = ["CachedCases", "prepared_case"]

logger = logging.getLogger(__name__)


def _unseen() -> None:
    """Progress that nobody sees; a function that a process of a data loader can be given."""


class CachedCases(CacheDataset):
    """:class:`monai.data.CacheDataset` that names all cases that cannot be prepared, before the first epoch.

    MONAI's ends at the first such case, with an error that says "failed to instantiate" and never the file.

    Args:
        data: cases, as :func:`monai_mobileunet.data.load_cases` lists them.
        transform: what prepares a case; the random part is left to each epoch.
        exit_on_error: end the program with the message alone, as in :func:`monai_mobileunet.data.load_cases`.
            For configs only.
        progress: show a bar on a terminal, in place of MONAI's, which would write to a file, too.
        kwargs: as for :class:`monai.data.CacheDataset`.

    Raises:
        DataError: cases cannot be prepared, each of which is named; with ``exit_on_error`` :class:`SystemExit` with
            the same message.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Sequence[Callable] | Callable | None = None,
        exit_on_error: bool = False,
        progress: bool = True,
        **kwargs: Any,
    ) -> None:
        self.exit_on_error = exit_on_error
        self.shows_progress = progress
        self._failed: dict[int, Exception] | None = None
        self._advance: Callable[[], None] = _unseen
        super().__init__(data, transform, progress=False, **kwargs)

    def set_data(self, data: Sequence) -> None:
        """Take other cases; see MONAI's. Raises as the constructor does."""
        self._failed = {}
        try:
            kept = min(self.set_num, int(len(data) * self.set_rate), len(data))
            showing = bar("preparing the data", kept, self.shows_progress and kept > 0)
            with ending_program(self.exit_on_error), showing as self._advance:
                super().set_data(data)
                if self._failed:
                    raise self._error(self._failed)
        finally:
            self._failed, self._advance = None, _unseen

    def _load_cache_item(self, idx: int) -> Any:
        try:
            return super()._load_cache_item(idx)
        except Exception as error:  # raised again when all are known; a thread must not end the program
            if self._failed is None:  # the cache is not being filled: nobody gathers errors
                raise
            self._failed[idx] = error
            return None
        finally:
            self._advance()

    def _error(self, failed: Mapping[int, Exception]) -> Exception:
        findings: list[Finding] = []
        unknown: list[Exception] = []
        for index, error in sorted(failed.items()):
            if data_error := find_data_error(error):
                findings += data_error.findings
                continue
            logger.debug("%s", self.data[index], exc_info=error)
            unknown.append(error)
            findings.append(self._finding(index, error))
        if len(unknown) == len(self.data) > 1:
            return unknown[0]  # not the data, then, but the transforms: their author needs the traceback
        return DataError(findings)

    def _finding(self, index: int, error: Exception) -> Finding:
        case = self.data[index]
        name = case.get("image", case) if isinstance(case, Mapping) else case
        remedy = "Look at the image and its label, or remove the case from the data set."
        return Finding(str(name), f"cannot be prepared for the network ({root_cause(error)}).", remedy)


def prepared_case(dataset: Any, index: int) -> Mapping[str, Any]:
    """A case as the transforms before the first random one leave it.

    Args:
        dataset: :class:`CachedCases`, or another of MONAI's data sets of files.
        index: of the case.
    """
    if isinstance(dataset, CacheDataset) and not dataset.hash_as_key and index < len(dataset._cache):
        kept = dataset._cache[index]
        if kept is not None:
            return kept
    transform = dataset.transform if isinstance(dataset.transform, Compose) else Compose(dataset.transform)
    first_random = transform.get_index_of_first(
        lambda step: isinstance(step, RandomizableTrait) or not isinstance(step, Transform)
    )
    return transform(dataset.data[index], end=first_random)
