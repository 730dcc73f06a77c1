"""Inference over a folder, in which one case that fails ends no run."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ignite.engine import Events
from monai.engines import SupervisedEvaluator

from monai_mobileunet.data.errors import SHOWN, causes, log_unforeseen, why_failed
from monai_mobileunet.data.loading.case_dataset import PROBLEMS, CaseProblem
from monai_mobileunet.data.search.places import STATE, set_aside
from monai_mobileunet.data.writing import output_lost
from monai_mobileunet.wording import counted

__all__ = ["CaseEvaluator"]

logger = logging.getLogger(__name__)


class ForeignMasksError(Exception):
    """Files that no run has written lie where masks would."""


class OutputLostError(Exception):
    """Nothing more can be written, so that every further case would fail as this one did."""


class CaseEvaluator(SupervisedEvaluator):
    """:class:`monai.engines.SupervisedEvaluator` that goes on after a case that fails, and says at its end which did.

    What goes wrong with a case in reading is an item of :class:`monai_mobileunet.data.CaseDataset`; in the network, the
    postprocessing and the writing it is caught here, case by case. ignite offers no way for this: what its
    ``EXCEPTION_RAISED`` handlers swallow has ended the loop before. Each failure is logged when it happens; a mask that
    an earlier run left in its place is moved to ``.mobileunet/replaced``. The runtime is made before the first case,
    since one that is not installed would fail every case alike.

    Args:
        output_dir: folder of the masks; it is made, and marked as an output, before the first case.
        exit_on_error: end the program with the message alone; see :func:`monai_mobileunet.data.load_cases`.
        args: as for :class:`monai.engines.SupervisedEvaluator`.
        kwargs: as for :class:`monai.engines.SupervisedEvaluator`.

    Attributes:
        finished: names of the cases that have a mask.
        problems: the cases that have none, by name.
    """

    def __init__(
        self, *args: Any, output_dir: str | Path | None = None, exit_on_error: bool = False, **kwargs: Any
    ) -> None:
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.exit_on_error = exit_on_error
        self.finished: set[str] = set()
        self.problems: dict[str, CaseProblem] = {}
        super().__init__(*args, **kwargs)
        self.add_event_handler(Events.EPOCH_STARTED, self._make_runtime)  # by then the weights are loaded

    def run(self, global_epoch: int = 1) -> None:  # type: ignore[override]
        """Infer all cases.

        Raises:
            RuntimeError: some have no mask, or nothing can be written; it comes after all the others have theirs. With
                ``exit_on_error`` :class:`SystemExit`.
        """
        self.finished.clear()
        self.problems.clear()
        try:
            if self.output_dir is not None:
                self._refuse_foreign(self.output_dir)
                self._mark(self.output_dir)
            super().run(global_epoch)
            text = self._conclusion()
        except ForeignMasksError as error:
            text = str(error)
        except OutputLostError as error:
            text = (
                f"{error} "
                f"{counted(len(self.finished), 'case has its mask', 'cases have their masks')}. "
                "Make room or name another --output_dir."
            )
        if text and self.exit_on_error:
            raise SystemExit(f"error: {text}")
        if text:
            raise RuntimeError(text)
        count = f"{len(self.finished)} case{'' if len(self.finished) == 1 else 's'} segmented"
        logger.info("%s", count + ("" if self.output_dir is None else f", masks in {self.output_dir}"))

    def _refuse_foreign(self, output: Path) -> None:
        """Files in the masks' places are somebody's work, in a folder that no run has written to."""
        if (output / STATE).exists():
            return
        cases = getattr(getattr(self.data_loader, "dataset", None), "data", ())
        places = [case.get("mask") for case in cases if isinstance(case, Mapping)]
        there = [place for place in places if place and os.path.lexists(place)]
        if there:
            more = f", as are {len(there) - 1} more" if len(there) > 1 else ""
            problem = f"{there[0]}: is there, and no run has written it{more}."
            raise ForeignMasksError(f"{problem} Name another folder with --output_dir, or move these files away.")

    def _mark(self, output: Path) -> None:
        """A search for images knows the folder by it as one of masks."""
        try:
            (output / STATE).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputLostError(f"{output}: cannot be written to ({error.strerror}).") from error

    def _make_runtime(self) -> None:
        prepare = getattr(self.inferer, "prepare", None)
        if prepare is not None:
            with self.mode(self.network):
                prepare(self.network)

    def _iteration(self, engine: Any, batchdata: dict[str, Any]) -> dict:
        """One batch; see MONAI's for what it returns, nothing for a batch in which no case is left."""
        for problem in batchdata.get(PROBLEMS, ()):
            self._fail(problem)
        cases = {key: value for key, value in batchdata.items() if key != PROBLEMS}
        engine.state.batch, engine.state.output = cases, {}
        if not cases:
            return {}
        names = list(cases.get("case", [f"case {engine.state.iteration}"]))
        masks = list(cases.get("mask", [""] * len(names)))
        try:
            output = super()._iteration(engine, cases)
        except Exception as error:  # any, since no case may stop the others
            for link in causes(error):
                if isinstance(link, OutputLostError):
                    raise link from link.__cause__  # from what was raised from it, the chain would have no end
            for name, mask in zip(names, masks, strict=True):
                if name not in self.finished:
                    self._fail(CaseProblem(name, why_failed(error, name), mask), error)
            return engine.state.output
        self.finished.update(name for name in names if name not in self.problems)
        return output

    def _register_postprocessing(self, posttrans: Callable) -> None:
        """Each case of a batch in a guard of its own, as it is written there."""

        def guarded(case: dict[str, Any]) -> Any:
            name = str(case.get("case", f"case {self.state.iteration}"))
            try:
                done = posttrans(case)
            except Exception as error:  # any, since no case may stop the others
                lost = self._lost_output(error)
                if lost is not None:
                    where = lost.filename or self.output_dir
                    raise OutputLostError(f"{where}: cannot be written ({lost.strerror}).") from error
                self._fail(CaseProblem(name, why_failed(error, name), case.get("mask", "")), error)
                return case
            self.finished.add(name)
            return done

        super()._register_postprocessing(guarded)

    def _fail(self, problem: CaseProblem, error: BaseException | None = None) -> None:
        self.problems[problem.case] = problem
        logger.error("%s", problem.reason)
        if error is not None:
            log_unforeseen(logger, error, problem.case)
        if problem.mask and self.output_dir is not None:
            try:
                set_aside(Path(problem.mask), self.output_dir)
            except OSError as lost:
                text = f"{lost.filename}: is an earlier mask, and cannot be moved away ({lost.strerror}). Remove it."
                if output_lost(lost, self.output_dir / STATE):
                    raise OutputLostError(text) from lost
                logger.error("%s", text)

    def _lost_output(self, error: BaseException) -> OSError | None:
        """What has befallen the folder of the masks as a whole, where it is that; MONAI wraps what transforms raise."""
        place = Path(self.output_dir or "") / STATE
        errors = (link for link in causes(error) if isinstance(link, OSError))
        return next((link for link in errors if output_lost(link, place)), None)

    def _conclusion(self) -> str:
        """What is missing, in words; nothing if nothing is."""
        total = len(getattr(self.data_loader, "dataset", ()))
        left = total - len(self.finished) - len(self.problems)
        if not self.problems and left <= 0:
            return ""
        masks = f"the other {len(self.finished)} have theirs" + (f" in {self.output_dir}" if self.output_dir else "")
        lines = [f"{len(self.problems) + max(left, 0):,} of {counted(total, 'case')} have no mask; {masks}."]
        lines += [f"  - {problem.reason}" for problem in list(self.problems.values())[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"  … and {len(self.problems) - SHOWN} more, each of which is named above.")
        if left > 0:
            lines.append(f"  - {left} were never read, for the data loader ended before; the log has the reason.")
        return "\n".join(lines)
