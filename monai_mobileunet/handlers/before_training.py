"""What is looked at before a training, so that it ends at once and with a sentence, not after its first epoch."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch

from monai_mobileunet.bundle.weights import read_weights
from monai_mobileunet.data import DataError, Finding, find_class_names
from monai_mobileunet.handlers.words import end_in_words
from monai_mobileunet.wording import counted

__all__ = ["check_checkpoint", "check_parts", "check_setup"]

SHOWN = 3
"""Entries of a checkpoint that differ, of which so many are named."""

GOES_ON = "resume.json or continue.json"
"""Fragments with which a training goes on from a checkpoint."""

logger = logging.getLogger(__name__)


def check_setup(
    device: str | torch.device,
    folders: Mapping[str, str],
    max_epochs: int | None = None,
    num_classes: int | None = None,
    class_names: Sequence[str] = (),
    dataset_dir: str | None = None,
    distributed: bool = False,
) -> None:
    """End the program with a sentence for each thing that a training would fail for, before any data are read.

    Args:
        device: that was asked for.
        folders: that will be written to, by the id of each in the config; they are made if missing.
        max_epochs: epochs to train.
        num_classes: classes with the background.
        class_names: of the classes from 1 on.
        dataset_dir: folder of the data set; what its ``dataset.json`` calls the classes is compared with
            ``class_names``.
        distributed: whether torchrun has to have started this process.

    Raises:
        SystemExit: something is not as a training needs it.
    """
    if distributed and "RANK" not in os.environ:
        end_in_words(
            "multi_gpu_train.json and multi_gpu_evaluate.json are for several processes, and this is one alone. Type "
            "torchrun --standalone --nproc_per_node=2 -m monai.bundle in place of python -m monai.bundle."
        )
    findings = list(_device(torch.device(device)))
    if findings:
        end_in_words(str(DataError(findings)))
    if int(os.environ.get("RANK", 0)) == 0:  # the first process alone writes
        findings += [finding for name, folder in folders.items() for finding in _folder(name, Path(folder))]
    if max_epochs is not None and max_epochs < 1:
        remedy = "Type --train#trainer#max_epochs with a number from 1 up."
        findings.append(Finding("max_epochs", f"is {max_epochs}; a training has at least one epoch.", remedy))
    if num_classes is not None:
        findings += _class_names(num_classes, list(class_names), dataset_dir)
    for finding in findings:
        if finding.warning:
            logger.warning("%s", finding)
    errors = [finding for finding in findings if not finding.warning]
    if errors:
        end_in_words(str(DataError(errors)), everywhere=False)


def check_parts(training: Sequence[Any] | None, validation: Sequence[Any], shared: bool = False) -> None:
    """End the program with a sentence where there are too few cases to train, or to validate in every process.

    Args:
        training: cases to train on; ``None`` where the validation is all that is done.
        validation: cases to validate on; a training without any keeps its last weights rather than the best.
        shared: whether a process without a validation case takes part in the validation of the others, as
            :class:`monai_mobileunet.engines.SharedEvaluator` does. With MONAI's evaluator, which bundles of former
            versions have, the others would wait for it without end.

    Raises:
        SystemExit: no case to work on, or fewer validation cases than processes where each needs one.
    """
    if not (validation if training is None else training):
        done = "evaluation" if training is None else "training"
        end_in_words(
            f"the {done} has no cases, and needs at least one. List some in the data set, or leave out --limit.",
            everywhere=False,
        )
    processes = idist.get_world_size()
    if not shared and 0 < len(validation) < processes:
        end_in_words(
            f"{counted(len(validation), 'validation case')} cannot be shared by {processes} "
            "processes, for in this bundle's multi_gpu files each needs one. Type mobileunet plan --apply BUNDLE to "
            f"renew a planned bundle's files, or --nproc_per_node={len(validation)}.",
            everywhere=False,
        )


def check_checkpoint(
    path: str,
    network: torch.nn.Module,
    entries: Sequence[str] = (),
    max_epochs: int | None = None,
) -> None:
    """End the program with a sentence where a checkpoint is none of this network, or one of a finished training.

    Of several processes, all have to call it.

    Args:
        path: the checkpoint.
        network: whose weights it has to hold, under ``"model"`` or, without ``entries``, as a plain state dict.
        entries: what else it has to hold.
        max_epochs: epochs of the training that goes on from it.

    Raises:
        SystemExit: it cannot be loaded, or nothing is left to train.
    """
    try:
        content = _read_checkpoint(path, entries)
        _compare(path, content.get("model", content), network)
        done = _epochs(content.get("trainer", {}))
        if max_epochs is not None and done >= max_epochs:
            problem = (
                f"has {counted(done, 'epoch')} behind it; --train#trainer#max_epochs is "
                f"{max_epochs}, so that none is left."
            )
            remedy = f"Type --train#trainer#max_epochs with a number above {done}, or start anew without {GOES_ON}."
            raise DataError([Finding(path, problem, remedy)])
        message = ""
    except DataError as error:
        message = str(error)
    first_fails = bool(idist.broadcast(float(bool(message)), src=0))
    if message:  # a file may be missing or damaged on one machine alone
        end_in_words(message, everywhere=not first_fails)


def _device(device: torch.device) -> Iterator[Finding]:
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= found:
        problem = f"is asked for, and torch finds {counted(found, 'GPU') if found else 'no GPU'} here."
        remedy = (
            "Type --device cpu, or start fewer processes." if found else "Type --device cpu, or look at nvidia-smi."
        )
        yield Finding(str(device), problem, remedy)


def _folder(name: str, folder: Path) -> Iterator[Finding]:
    """Try to write; permissions alone tell nothing of read-only mounts, quotas and full disks."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        problem = f"cannot be written to ({error.strerror})."
        yield Finding(str(folder), problem, f"Name a folder that can be with --{name}, or make room there.")


def _class_names(num_classes: int, names: Sequence[str], dataset_dir: str | None) -> Iterator[Finding]:
    """Whether the names are as many as the classes, and those of the data set where it names some."""
    theirs = _names_of(dataset_dir) if dataset_dir else ()
    index = str(Path(dataset_dir or "") / "dataset.json")
    typed = f"--num_classes {len(theirs) + 1} --class_names " + '"[' + ",".join(f"'{name}'" for name in theirs) + ']"'
    if len(names) != num_classes - 1:
        problem = (
            f"names {counted(len(names), 'class', 'classes')} ({', '.join(names)}), and num_classes is {num_classes}."
        )
        count = f"--class_names with {counted(num_classes - 1, 'name')}, one for each class but the background"
        remedy = f"{typed}, as {index} calls them" if theirs else f"--num_classes {len(names) + 1}, or {count}"
        yield Finding("class_names", problem, f"Type {remedy}.")
        return
    if not theirs:
        return
    both = f"calls the classes {', '.join(theirs)}; the bundle's class_names are {', '.join(names)}."
    ours_simple, theirs_simple = [_simple(name) for name in names], [_simple(name) for name in theirs]
    if len(theirs) > len(names) or (ours_simple != theirs_simple and set(ours_simple) == set(theirs_simple)):
        yield Finding(index, both, f"To train for the data set's classes, type {typed}.")
    elif len(theirs) < len(names) or not all(map(_alike, ours_simple, theirs_simple)):
        remedy = f"Where these are other classes, type {typed}, so that the bundle calls them by their names."
        yield Finding(index, both, remedy, warning=True)


def _names_of(dataset_dir: str) -> tuple[str, ...]:
    try:
        return find_class_names(dataset_dir)
    except DataError:  # nothing to compare with: two folders of files, or the list of MONAI Label
        return ()


def _simple(name: str) -> str:
    """Words of a name without case, as SpinalCord and spinal_cord have them in common."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[^\W_]+", parted.casefold()))


def _alike(one: str, other: str) -> bool:
    """Whether two names differ in wording alone, as anterior and anterior hippocampus do."""
    words, others = set(one.split()), set(other.split())
    return words <= others or others <= words


def _read_checkpoint(path: str, entries: Sequence[str]) -> Mapping[str, Any]:
    expected = "a checkpoint that a training of this bundle wrote"
    if not Path(path).is_file():
        remedy = f"Start without {GOES_ON}, or name the file with --resume_from."
        remedy = remedy if entries else "Train the bundle first, or name the file with --ckpt_path."
        raise DataError([Finding(path, f"no such file; expected {expected}.", remedy)])
    try:
        content = read_weights(path)
    except (ValueError, OSError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        found = f"cannot be read ({type(cause).__name__})" if cause else "holds no names and tensors"
        problem = f"{found}; expected {expected}."
        raise DataError([Finding(path, problem, "Name a whole one, or start without it.")]) from error
    missing = [name for name in entries if name not in content]
    if missing:
        problem = f"holds weights alone, not a training's state: {', '.join(missing)} missing."
        raise DataError([Finding(path, problem, "Name the last_checkpoint.pt that a training left in its ckpt_dir.")])
    return content


def _compare(path: str, found: Any, network: torch.nn.Module) -> None:
    module = network.module if isinstance(network, torch.nn.parallel.DistributedDataParallel) else network
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    shapes = {str(key): tuple(getattr(value, "shape", ())) for key, value in found.items()}
    shapes = {key.removeprefix("module."): shape for key, shape in shapes.items()}
    differing = [key for key in dict.fromkeys([*expected, *shapes]) if expected.get(key) != shapes.get(key)]
    if not differing:
        return
    differences = [
        f"{key} is {_shape(shapes.get(key))}, expected {_shape(expected.get(key))}" for key in differing[:SHOWN]
    ]
    rest = f", and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
    problem = f"holds other weights than the network has: {'; '.join(differences)}{rest}."
    classes = all(key in expected and key in shapes and expected[key][1:] == shapes[key][1:] for key in differing)
    hint = "It was trained for another number of classes: type" if classes else "Type"
    remedy = f"{hint} what was changed for its training, as --num_classes, --class_names or --network_def#variant."
    raise DataError([Finding(path, problem, remedy)])


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else "×".join(map(str, shape)) or "one number"


def _epochs(state: Mapping[str, Any]) -> int:
    """Epochs that an engine's state has behind it."""
    if "epoch" in state:
        return int(state["epoch"])
    return int(state.get("iteration", 0)) // max(1, int(state.get("epoch_length") or 1))
