"""A bundle that knows what weights lie in it after a training."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.utils import is_scalar

import monai_mobileunet
from monai_mobileunet.bundle.json_files import layout, read_json, write_files
from monai_mobileunet.bundle.reuse import START, holds_weights
from monai_mobileunet.bundle.training_range import measure_range
from monai_mobileunet.bundle.weights import nearest_weights, read_weights, unwrapped
from monai_mobileunet.data import DataError, find_class_names
from monai_mobileunet.data.datasets.listing import read_description
from monai_mobileunet.data.files import hash_file
from monai_mobileunet.data.loading.caching import prepared_case
from monai_mobileunet.handlers.retrained import WEIGHTS, Retrained, describe, modality_of
from monai_mobileunet.planning.bundle_files import PARTIAL
from monai_mobileunet.planning.plan import PLAN, Plan
from monai_mobileunet.planning.rules.texts import FILL_IN

__all__ = ["BundleMetadata"]

logger = logging.getLogger(__name__)


class BundleMetadata:
    """Keep ``metadata.json`` true of ``models/model.pt`` while a training replaces it.

    Whenever the file is another one, its hash, the range of the training data, the validation's scores and the classes
    are written, and what described the old weights goes; see
    :func:`monai_mobileunet.handlers.retrained.describe`. Settings that were changed for the training are written to
    the bundle's ``train.json`` and ``inference.json``, for the weights can be used with these alone, and to its
    ``plan.json``, so that the files are still those that this describes. A training whose
    checkpoints lie elsewhere, or in a bundle that cannot be written to, leaves the bundle as it is.

    Attach it behind what saves the best and the final model, and before what saves the last checkpoint: killed in
    between, a training that is resumed then comes to the same weights again.

    Args:
        bundle_root: folder of the bundle.
        ckpt_dir: folder of the checkpoints.
        network: that is trained.
        training: data set of the training.
        validation: data set of the validation.
        evaluator: engine whose ``state.metrics`` are the validation metrics.
        dataset_dir: folder of the data set, for what its ``dataset.json`` tells.
        settings: of the training, by their id at the top of a config; ``class_names``,
            ``image_channels``, ``context`` and ``out_slices`` among them.
    """

    def __init__(
        self,
        bundle_root: str,
        ckpt_dir: str,
        network: torch.nn.Module,
        training: Any,
        validation: Any,
        evaluator: Engine,
        dataset_dir: str,
        settings: Mapping[str, Any],
    ) -> None:
        self.root = Path(bundle_root)
        self.file = self.root / WEIGHTS
        self.own = Path(ckpt_dir).resolve() == self.file.parent.resolve() and self._path("metadata.json").is_file()
        self.network = network
        self.training = training
        self.validation = validation
        self.evaluator = evaluator
        self.dataset_dir = Path(dataset_dir)
        self.settings: dict[str, Any] = {
            key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()
        }
        self._measured: dict[str, Any] = {}
        self._started_from = ""
        self._resumed = False
        self._state: tuple[int, ...] | None = None

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        if self.own:
            engine.add_event_handler(Events.EPOCH_STARTED, self._start)
            engine.add_event_handler(Events.EPOCH_COMPLETED | Events.COMPLETED, self._update)

    def _path(self, name: str) -> Path:
        return self.root / "configs" / name

    def _read(self, name: str) -> dict[str, Any]:
        return read_json(self._path(name))

    def _start(self, engine: Engine) -> None:
        # not when the run starts: a checkpoint may be loaded by a handler that comes later
        if self._measured:
            return
        self._resumed = engine.state.epoch > 1
        self._state = self._file_state()
        self._started_from = self._origin()
        # every process of several, for one that does so alone lets the others wait too long
        self._measured = self._measure()

    def _measure(self) -> dict[str, Any]:
        cases = self.training.data
        places = {_files(case): number for number, case in enumerate(cases)}
        described = _description(self.dataset_dir).get("modality") if self._has(cases) else None
        named = next(iter(described.values()), "") if isinstance(described, dict) else ""
        known = self._read("metadata.json")["network_data_format"]["inputs"]["image"].get("modality", "")
        return measure_range(
            [case["image"] for case in cases],
            lambda case: prepared_case(self.training, places[_files(case)]),
            modality_of(str(named)) or known,
            [] if self._unannotated() else [case["label"] for case in cases],
            len(self.settings["class_names"]) + 1,
        )

    def _unannotated(self) -> dict[str, Any]:
        """The settings that tell what was not annotated: volumes of classes are unknown then."""
        return {name: self.settings[name] for name in PARTIAL if self.settings.get(name)}

    def _has(self, cases: list[Mapping[str, Any]]) -> bool:
        """Whether the cases are those of the data set, and not of MONAI Label."""
        root = self.dataset_dir.resolve()
        return all(root in Path(_files(case)[0]).resolve().parents for case in cases)

    def _origin(self) -> str:
        """Hash of the weights in the bundle that the training begins with; empty where it begins with random ones.

        MONAI Label's begins with the bundle's own, that of a bundle that was planned from another with the other's.
        """
        if self._resumed:
            return ""
        for path, begins in ((self.file, self._is), (self.root / START, self._has_layers_of)):
            try:
                if path.is_file() and begins(path):
                    return hash_file(path)
            except (ValueError, OSError):  # whatever lies there, it is not what the training begins with
                continue
        return ""

    def _is(self, path: Path) -> bool:
        there, now = read_weights(path), unwrapped(self.network).state_dict()
        same = there.keys() == now.keys()
        return same and all(torch.equal(value.cpu(), there[key]) for key, value in now.items())

    def _has_layers_of(self, path: Path) -> bool:
        return holds_weights(self.network, nearest_weights(self.network, path))

    def _file_state(self) -> tuple[int, ...] | None:
        if not self.file.is_file():
            return None
        state = self.file.stat()
        return state.st_ino, state.st_size, state.st_mtime_ns

    def _update(self, engine: Engine) -> None:
        state = self._file_state()
        if idist.get_rank() != 0 or state is None or state == self._state:
            return
        try:
            metadata = self._read("metadata.json")
            described = describe(metadata, self._retrained(engine, metadata))
            contents = {self._path(name): self._with_settings(name) for name in ("train.json", "inference.json")}
            contents |= {self._path("metadata.json"): described, self.root / PLAN: self._planned(described)}
            write_files({path: layout(content) for path, content in contents.items() if content is not None})
        except OSError as error:  # tried again after the next epoch; the training is worth more
            path = self._path("metadata.json")
            logger.warning("%s: cannot be written (%s), and tells of other weights until it is.", path, error.strerror)
        else:
            self._state = state

    def _with_settings(self, name: str) -> dict[str, Any] | None:
        """A config with the settings of this training; ``None`` where nothing changes."""
        if not self._path(name).is_file():
            return None
        config = self._read(name)
        changed = {
            key: value
            for key, value in self.settings.items()
            if key in config and config[key] != value and not str(config[key]).startswith("$")
        }
        if not changed:
            return None
        logger.warning("%s: %s, as in this training.", self._path(name), ", ".join(map(_assigned, changed.items())))
        return config | changed

    def _planned(self, described: Mapping[str, Any]) -> dict[str, Any] | None:
        """The bundle's plan with what is other than it says; ``None`` where that is nothing, or there is no plan."""
        if not (self.root / PLAN).is_file():
            return None
        try:
            plan = Plan.read(self.root)
        except ValueError as error:  # no JSON, or no plan; the training is worth more
            logger.warning("%s: does not tell of this training, for it cannot be read (%s).", self.root / PLAN, error)
            return None
        image = described["network_data_format"]["inputs"]["image"]
        values = {name: image.get(name, value) for name, value in plan.image.value.items()}
        texts = {name: described.get(name, value) for name, value in plan.texts.value.items()}
        reason = f"Set for the training of {described['training']['date']}."
        changed = plan.changed({**self.settings, **texts, "image": values}, reason)
        return None if changed == plan else changed.to_json()

    def _retrained(self, engine: Engine, metadata: Mapping[str, Any]) -> Retrained:
        cases, validation = list(self.training.data), list(self.validation.data)
        seen = {_files(case) for case in cases}
        known = metadata.get("training", {}) if self._resumed else {}
        source, data_license = self._data(cases, metadata)
        if known:  # by the part of this training that was interrupted
            source, data_license = metadata.get("data_source", source), metadata.get("data_license", data_license)
        metrics = self.evaluator.state.metrics if validation else {}
        return Retrained(
            sha256=hash_file(self.file),
            class_names=tuple(self.settings["class_names"]),
            image_channels=int(self.settings["image_channels"]),
            context=int(self.settings["context"]),
            out_slices=int(self.settings["out_slices"]),
            date=datetime.now(UTC).date().isoformat(),
            epoch=engine.state.epoch,
            epochs=engine.state.max_epochs or engine.state.epoch,
            training_cases=len(cases),
            validation_cases=len(validation),
            seen_in_validation=sum(_files(case) in seen for case in validation),
            metrics={name: float(value) for name, value in metrics.items() if is_scalar(value)},
            training_data=self._measured,
            data_source=source,
            data_license=data_license,
            package_version=monai_mobileunet.__version__,
            started_from=known.get("started_from", {}).get("sha256", "") or self._started_from,
            label_names=self._label_names(cases),
            unannotated=self._unannotated(),
        )

    def _data(self, cases: list[Mapping[str, Any]], metadata: Mapping[str, Any]) -> tuple[str, str]:
        """The data set and its licence: as a person wrote, or in the words of ``dataset.json``."""
        source, data_license = self._named(cases)
        if not self._planned_for():
            return source, data_license
        filled = {key: str(metadata.get(key) or FILL_IN) for key in ("data_source", "data_license")}
        by_person = {key: text for key, text in filled.items() if not text.startswith(FILL_IN)}
        return by_person.get("data_source", source), by_person.get("data_license", data_license)

    def _planned_for(self) -> bool:
        """Whether this is a training on the data set that the bundle was planned for."""
        try:
            plan = Plan.read(self.root) if (self.root / PLAN).is_file() else None
        except ValueError:  # said when it is to be written
            return False
        return plan is not None and Path(plan.dataset_dir.value).resolve() == self.dataset_dir.resolve()

    def _named(self, cases: list[Mapping[str, Any]]) -> tuple[str, str]:
        listed = self._has(cases)
        described = _description(self.dataset_dir) if listed else {}
        folder = self.dataset_dir.resolve() if listed else Path(_files(cases[0])[0]).resolve().parent
        parts = [str(described[key]) for key in ("name", "description", "reference") if described.get(key)]
        licence = described.get("licence") or described.get("license")
        return "; ".join(parts) or f"the user's own data, in a folder {folder.name}", str(
            licence or "not named by the data set"
        )

    def _label_names(self, cases: list[Mapping[str, Any]]) -> tuple[str, ...]:
        try:
            return find_class_names(self.dataset_dir) if self._has(cases) else ()
        except DataError:
            return ()


def _files(case: Mapping[str, Any]) -> tuple[str, ...]:
    """Of the image, which may have a file for each channel."""
    image = case["image"]
    return (str(image),) if isinstance(image, (str, Path)) else tuple(map(str, image))


def _description(folder: Path) -> dict[str, Any]:
    """Content of a ``dataset.json``; empty where there is none that tells something."""
    try:
        return read_description(folder)
    except DataError:
        return {}


def _assigned(item: tuple[str, Any]) -> str:
    return f"{item[0]} is now {json.dumps(item[1])}"
