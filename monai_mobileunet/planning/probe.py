"""How long a training takes on this machine: real steps of the planned network, and one real case."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from monai.bundle import ConfigParser
from monai.transforms import Compose

from monai_mobileunet.data import find_all_cases
from monai_mobileunet.data.datasets.naming import name_of
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.machine import keep_freed_memory
from monai_mobileunet.planning.plan import Plan
from monai_mobileunet.planning.planner import write_bundle
from monai_mobileunet.planning.rules import Batch, Costs, Known, as_plan, batches_to_time, decide
from monai_mobileunet.planning.rules.budget import BATCH_CASES

__all__ = ["decide_by_time", "measure_costs", "time_training", "typical_case"]

WARM_UP, TIMED = 2, 5
PROGRAMS = 15.0
"""Seconds until a training's programs are loaded and its data set is found and checked, on a slow machine."""

Timer = Callable[[], float]


def typical_case(known: Known) -> dict[str, Any]:
    """The case with the median number of voxels."""
    sizes = sorted((case.shape[0] * case.shape[1] * case.shape[2], case.name) for case in known.cases)
    wanted = sizes[len(sizes) // 2][1]
    return next(case for case in find_all_cases(known.fingerprint.dataset_dir) if name_of(case) == wanted)


def decide_by_time(known: Known) -> Known:
    """Time what a training takes on this machine, and decide again.

    Args:
        known: all that was decided without it.

    Raises:
        DataError: memory has no room for any of the batches.
    """
    case, batches = typical_case(known), batches_to_time(known)
    timed: dict[Batch, Costs] = {}
    for _ in range(2):  # images that are changed more widely take longer to draw: these are timed then, too
        before = known["random_transforms"]
        timed |= measure_costs(as_plan(known), case, batches)
        known = decide(known.fingerprint, known.options, timed)
        if known["random_transforms"] == before:
            break
        batches = [(known["variant"], known["num_samples"])]
    return known


def measure_costs(
    plan: Plan, case: Mapping[str, Any], batches: Sequence[Batch], timer: Timer = time.perf_counter
) -> dict[Batch, Costs]:
    """Time what a training does, with the parts that the bundle's own configs make.

    Args:
        plan: of the bundle.
        case: files of a typical case.
        batches: networks and batches to time in the place of the plan's own.
        timer: seconds of a clock.

    Returns:
        The costs by network and batch, without those that memory has no room for.

    Raises:
        DataError: it has room for none.
    """
    costs: dict[Batch, Costs] = {}
    with TemporaryDirectory() as folder:
        write_bundle(plan, Path(folder))
        parser = ConfigParser()
        parser.read_config(str(Path(folder) / "configs" / "train.json"))
        parser.update({"bundle_root": folder})
        for variant, count in batches:
            parser.update({"network_def#variant": variant, "num_samples": count})
            torch.cuda.empty_cache()  # of a batch before that had no room
            try:
                costs[variant, count] = time_training(parser, case, timer)
            except torch.OutOfMemoryError:
                continue  # the reason for the network says what was not timed
    if not costs:
        variant, count = min(batches, key=lambda batch: batch[1])
        problem = f"has no room for a step of {variant} with {BATCH_CASES * count} windows of {plan.roi_size.value}."
        raise refusal(
            "the GPU's memory", problem, "Give it smaller ones, as --set num_samples=1 --set roi_size=[64,64]."
        )
    return costs


def time_training(parser: ConfigParser, case: Mapping[str, Any], timer: Timer = time.perf_counter) -> Costs:
    """Time what a training of a bundle does.

    Args:
        parser: content of its ``train.json``.
        case: files of a typical case.
        timer: seconds of a clock.
    """
    keep_freed_memory()  # as the training does
    prepared, read = _timed(lambda: Compose(parser.get_parsed_content("train#preprocessing_transforms"))(case), timer)
    known = "augmentation" in parser["train"]  # bundles that were written before have the list alone
    random = Compose(parser.get_parsed_content("train#augmentation" if known else "train#random_transforms"))
    random(dict(prepared))  # what comes first is slower
    draw = median(_timed(lambda: random(dict(prepared)), timer)[1] for _ in range(TIMED))
    validated = parser.get_parsed_content("validate#preprocessing")(dict(case))
    workers = int(parser.get_parsed_content("train#dataloader#num_workers"))
    step, validate = _step_seconds(parser, timer), _validation_seconds(parser, validated, timer)
    return Costs(PROGRAMS, read, draw, step, validate, workers)


def _timed(work: Callable[[], Any], timer: Timer) -> tuple[Any, float]:
    started = timer()
    result = work()
    return result, timer() - started


def _step_seconds(parser: ConfigParser, timer: Timer) -> float:
    """Of forwards, backwards and the optimiser, for a batch of the right shape."""
    get = parser.get_parsed_content
    network, loss, optimizer, inferer = (get(name) for name in ("network", "loss", "optimizer", "train#inferer"))
    device, classes, at_once, size = (get(name) for name in ("device", "num_classes", "out_slices", "roi_size"))
    batch = int(get("train#dataloader#batch_size")) * int(get("num_samples"))
    channels = int(get("image_channels")) * (2 * int(get("context")) + 1)
    images = torch.randn(batch, channels, *size, device=device)
    labels = torch.randint(classes, (batch, 1, *([at_once] if at_once > 1 else []), *size), device=device)
    network.train()

    def step() -> None:
        optimizer.zero_grad()
        loss(inferer(images, network), labels).backward()
        optimizer.step()
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(WARM_UP):
        step()
    return median(_timed(step, timer)[1] for _ in range(TIMED))


def _validation_seconds(parser: ConfigParser, prepared: Mapping[str, Any], timer: Timer) -> float:
    get = parser.get_parsed_content
    network, inferer, postprocessing = get("network").eval(), get("validate#inferer"), get("validate#postprocessing")

    def validate() -> None:
        with torch.no_grad():
            image = prepared["image"][None].to(get("device"))
            pred = inferer(image, network)[0]
        postprocessing({**prepared, "pred": pred})

    validate()  # what comes first is slower
    return _timed(validate, timer)[1]
