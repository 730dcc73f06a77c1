"""Pictures of a segmentation over its image."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from monai_mobileunet.data.files import replace_file
from monai_mobileunet.evaluation.results import Outcome
from monai_mobileunet.evaluation.summary import METRICS
from monai_mobileunet.palette import colour_of
from monai_mobileunet.reports.slices import PLANES, contrast, cut, largest_slices, shades, shown_axes

if TYPE_CHECKING:
    from monai_mobileunet.case_record import CaseRecord

__all__ = ["draw_agreement", "draw_distributions", "draw_overlay"]

STYLES: dict[str, Literal["solid", "dotted"]] = {"pred": "solid", "label": "dotted"}


def draw_overlay(
    image: np.ndarray,
    pred: np.ndarray,
    path: Path | BinaryIO,
    class_names: Sequence[str],
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    label: np.ndarray | None = None,
    title: str = "",
    shown: np.ndarray | None = None,
) -> None:
    """Save a PNG with a sagittal, a coronal and an axial slice, or the only one: image, and contours of every class.

    Args:
        image: intensities ``(H, W, D)``, or colours ``(H, W, D, 3)``, with RAS axes.
        pred: class numbers of the segmentation, drawn as solid contours.
        path: the PNG, replaced if it exists; or an open binary file.
        class_names: names of the classes from 1 on.
        spacing: mm per voxel, for the right aspect.
        label: class numbers of the reference, drawn as dotted contours.
        title: above the picture.
        shown: of what to show the slices with the largest part; by default of the reference, or else of the
            segmentation.
    """
    volumes = {"pred": pred} if label is None else {"pred": pred, "label": label}
    if shown is None:
        shown = pred if label is None else label
    slices, shown_across = largest_slices(shown), shown_axes(pred.shape)
    low, high = contrast(image, image.ndim == 4)
    figure = Figure(figsize=(12, 4.6), layout="constrained", facecolor="black")
    panels = figure.subplots(1, len(shown_across), squeeze=False)[0]
    for axis, axes in zip(shown_across, panels, strict=True):
        height, width = (spacing[a] for a in (2, 1, 0) if a != axis)
        seen = shades(cut(image, axis, slices[axis]), low, high)
        axes.imshow(seen, aspect=height / width, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        for name_of, volume in volumes.items():
            _contours(axes, cut(volume, axis, slices[axis]), len(class_names), STYLES[name_of])
        if len(shown_across) > 1:
            axes.set_title(f"{PLANES[axis]} {slices[axis]}", color="white")
        axes.set_axis_off()
    handles = [Line2D([], [], color=_colour(i + 1), label=name) for i, name in enumerate(class_names)]
    handles += [Line2D([], [], color="white", linestyle=STYLES[name_of], label=name_of) for name_of in volumes]
    figure.legend(handles=handles, loc="outside lower center", ncols=8, labelcolor="white", frameon=False)
    figure.suptitle(title, color="white", parse_math=False)
    if isinstance(path, Path):
        with replace_file(path) as temporary:
            figure.savefig(temporary, format="png", dpi=100)
    else:
        figure.savefig(path, format="png", dpi=100)


def draw_distributions(class_names: Sequence[str], cases: Sequence[CaseRecord]) -> bytes:
    """Every metric as a box per class, with a point per case.

    Args:
        class_names: names of the classes from 1 on.
        cases: measured ones.

    Returns:
        A PNG.
    """
    figure = Figure(figsize=(12, 3.2 + 0.1 * len(class_names)), layout="constrained")
    generator = np.random.default_rng(0)
    for axes, metric in zip(figure.subplots(1, len(METRICS)), METRICS, strict=True):
        per_class = [[getattr(case.classes[i], metric.attribute) for case in cases] for i in range(len(class_names))]
        known = [[value for value in values if value is not None] for values in per_class]
        axes.boxplot(known, tick_labels=class_names, showfliers=False, widths=0.6)
        for index, values in enumerate(known):
            x = index + 1 + generator.uniform(-0.18, 0.18, len(values))
            axes.scatter(x, values, s=10, alpha=0.6, color=_colour(index + 1))
        axes.set_title(metric.heading)
        axes.tick_params(axis="x", rotation=30 if len(class_names) > 2 else 0)
        axes.grid(axis="y", alpha=0.3)
    return _png(figure)


def draw_agreement(class_names: Sequence[str], cases: Sequence[CaseRecord]) -> bytes:
    """Difference of volumes against their mean, a panel per class (Bland and Altman).

    Args:
        class_names: names of the classes from 1 on.
        cases: measured ones.

    Returns:
        A PNG.
    """
    columns = min(len(class_names), 4)
    rows = -(-len(class_names) // columns)
    figure = Figure(figsize=(12, 3.2 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(class_names) :]:
        axes.set_visible(False)
    for index, (axes, name) in enumerate(zip(panels, class_names)):
        nothing = (Outcome.ABSENT, Outcome.UNKNOWN)
        results = [case.classes[index] for case in cases if case.classes[index].outcome not in nothing]
        differences = np.array([result.bias_ml for result in results])
        axes.scatter([(r.pred_ml + r.label_ml) / 2 for r in results], differences, s=14, color=_colour(index + 1))
        if len(results) > 1:
            bias, spread = differences.mean(), 1.96 * differences.std(ddof=1)
            for level in (bias - spread, bias, bias + spread):
                axes.axhline(level, color="black", linestyle="dashed", linewidth=0.8)
        axes.axhline(0, color="grey", linewidth=0.6)
        axes.set(title=name, xlabel="mean of both, ml", ylabel="segmentation − reference, ml" if index == 0 else "")
        axes.grid(alpha=0.3)
    return _png(figure)


def _colour(number: int) -> tuple[float, float, float]:
    red, green, blue = colour_of(number)
    return red / 255, green / 255, blue / 255


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()


def _contours(axes, classes: np.ndarray, num_foreground: int, style: str) -> None:
    for number in range(1, num_foreground + 1):
        mask = classes == number
        if min(mask.shape) > 1 and mask.any() and not mask.all():  # a line has no contour
            axes.contour(mask, [0.5], colors=[_colour(number)], linewidths=1.2, linestyles=style)
