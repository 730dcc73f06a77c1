"""Pictures of a segmentation over its image."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from monai_mobileunet.evaluation.results import Outcome
from monai_mobileunet.evaluation.summary import FEWEST, METRICS, Metric
from monai_mobileunet.palette import Colour, colours_of
from monai_mobileunet.reports.drawing import DENSITY, GAP, dashes, draw_panels, webp
from monai_mobileunet.reports.sizes import VOLUME, Size
from monai_mobileunet.reports.slices import Panel, lay_out

if TYPE_CHECKING:
    from monai_mobileunet.case_record import CaseRecord

__all__ = ["draw_agreement", "draw_distributions", "draw_overlay"]

SIDE, ALONE = 360, 560
"""Of a square with a slice, in pixels of a page: one of three, and one that is alone."""

QUALITY = 80

TEXT, LINE, SWATCH = 13 * DENSITY, 20 * DENSITY, 22 * DENSITY
"""Height of text, of a line of text, and the length of a piece of a contour in the legend, in pixels of the picture."""

FAINT = (170, 170, 170)

Entry = tuple[str, Colour, bool]
"""Of a legend: its words, the colour of its line, and whether that is dashed."""


def draw_overlay(
    image: np.ndarray,
    pred: np.ndarray,
    class_names: Sequence[str],
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    label: np.ndarray | None = None,
    title: str = "",
    shown: np.ndarray | None = None,
    colours: Sequence[Colour] = (),
    lettered: bool = True,
) -> bytes:
    """A sagittal, a coronal and an axial slice, or the only one: image, and contours of every class, with a legend.

    Args:
        image: intensities ``(H, W, D)``, or colours ``(H, W, D, 3)``, with RAS axes.
        pred: class numbers of the segmentation, drawn as solid contours.
        class_names: names of the classes from 1 on.
        spacing: mm per voxel, for the right aspect.
        label: class numbers of the reference, drawn as dashed contours.
        title: above the picture.
        shown: of what to show the slices with the largest part; by default of the reference, or else of the
            segmentation.
        colours: of the classes from 1 on; by default those of the palette.
        lettered: whether the sides have letters; the sides of a photograph are none of a patient.

    Returns:
        A WebP file.
    """
    masks = [pred] if label is None else [pred, label]
    panels = lay_out(image, masks, spacing, masks[-1] if shown is None else shown, lettered)
    colours = colours or colours_of(len(class_names))
    side = SIDE if len(panels) > 1 else ALONE
    slices = draw_panels(panels, side, colours, letter=14)
    seen = sorted({value for panel in panels for mask in panel.masks for value in np.unique(mask[mask > 0]).tolist()})
    entries: list[Entry] = [(class_names[value - 1], colours[value - 1], False) for value in seen]
    if label is not None:
        entries += [("segmentation", FAINT, False), ("reference", FAINT, True)]
    lines = _in_lines(entries, slices.width)
    above = LINE * (2 if title else 1)
    picture = Image.new("RGB", (slices.width, above + slices.height + LINE * len(lines) + LINE // 2))
    picture.paste(slices, (0, above))
    draw = ImageDraw.Draw(picture)
    if title:
        draw.text((slices.width // 2, LINE // 2), title, (255, 255, 255), _font(TEXT), "mm")
    _name_panels(draw, panels, side, above - LINE // 2)
    for number, line in enumerate(lines):
        _draw_line(draw, line, slices.width, above + slices.height + LINE * number + int(LINE * 0.7))
    return webp(picture, QUALITY)


def _name_panels(draw: ImageDraw.ImageDraw, panels: Sequence[Panel], side: int, row: int) -> None:
    for number, panel in enumerate(panels):
        middle = (number * (side + GAP) + side / 2) * DENSITY
        draw.text((middle, row), panel.name, FAINT, _font(TEXT), "mm")


def _in_lines(entries: Sequence[Entry], width: int) -> list[list[Entry]]:
    """A legend in lines that are no longer than the picture."""
    lines: list[list[Entry]] = []
    for entry in entries:
        if not lines or _length([*lines[-1], entry]) > width:
            lines.append([])
        lines[-1].append(entry)
    return lines


def _length(line: Sequence[Entry]) -> float:
    return sum(SWATCH + 2 * TEXT + _font(TEXT).getlength(name) for name, _, _ in line)


def _draw_line(draw: ImageDraw.ImageDraw, line: Sequence[Entry], width: int, row: int) -> None:
    left = (width - _length(line)) / 2
    for name, colour, dashed in line:
        stroke = np.array([(left, row), (left + SWATCH, row)])
        for part in dashes(stroke, 5 * DENSITY, 4 * DENSITY) if dashed else [stroke]:
            draw.line([(x, y) for x, y in part.tolist()], colour, 2 * DENSITY)
        draw.text((left + SWATCH + TEXT // 2, row), name, (255, 255, 255), _font(TEXT), "lm")
        left += _length([(name, colour, dashed)])


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Letters of many alphabets, which class names may have; Pillow's own are the Latin ones."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)


def draw_distributions(
    class_names: Sequence[str],
    cases: Sequence[CaseRecord],
    colours: Sequence[Colour] = (),
    metrics: Sequence[Metric] = METRICS,
) -> bytes:
    """Every metric as a box per class, with a point per case.

    Args:
        class_names: names of the classes from 1 on.
        cases: measured ones.
        colours: of the classes; by default those of the palette.
        metrics: with the unit that their distances have.

    Returns:
        A PNG.
    """
    figure = Figure(figsize=(12, 3.2 + 0.1 * len(class_names)), layout="constrained")
    generator, on_white = np.random.default_rng(0), _on_white(colours or colours_of(len(class_names)))
    for axes, metric in zip(figure.subplots(1, len(metrics)), metrics, strict=True):
        per_class = [[getattr(case.classes[i], metric.attribute) for case in cases] for i in range(len(class_names))]
        known = [[value for value in values if value is not None] for values in per_class]
        axes.boxplot(known, tick_labels=class_names, showfliers=False, widths=0.6)
        for index, values in enumerate(known):
            x = index + 1 + generator.uniform(-0.18, 0.18, len(values))
            axes.scatter(x, values, s=10, alpha=0.6, color=on_white[index])
        axes.set_title(metric.heading)
        axes.tick_params(axis="x", rotation=30 if len(class_names) > 2 else 0)
        axes.grid(axis="y", alpha=0.3)
    return _png(figure)


def draw_agreement(
    class_names: Sequence[str], cases: Sequence[CaseRecord], colours: Sequence[Colour] = (), size: Size = VOLUME
) -> bytes:
    """Difference of sizes against their mean, a panel per class (Bland and Altman).

    The bias and the limits of agreement are drawn where there are enough cases for an interval.

    Args:
        class_names: names of the classes from 1 on.
        cases: measured ones.
        colours: of the classes; by default those of the palette.
        size: in what the sizes are read.

    Returns:
        A PNG.
    """
    columns = min(len(class_names), 4)
    rows = -(-len(class_names) // columns)
    figure = Figure(figsize=(12, 3.2 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(class_names) :]:
        axes.set_visible(False)
    on_white = _on_white(colours or colours_of(len(class_names)))
    for index, (axes, name) in enumerate(zip(panels, class_names)):
        nothing = (Outcome.ABSENT, Outcome.UNKNOWN)
        sides = [size.sides(case, name) for case in cases if case.classes[index].outcome not in nothing]
        pairs = np.array([(one["pred"], one["label"]) for one in sides], np.float64).reshape(-1, 2)
        differences = pairs[:, 0] - pairs[:, 1]
        axes.scatter(pairs.mean(axis=1), differences, s=14, color=on_white[index])
        if len(differences) >= FEWEST:
            bias, spread = differences.mean(), 1.96 * differences.std(ddof=1)
            for level in (bias - spread, bias, bias + spread):
                axes.axhline(level, color="black", linestyle="dashed", linewidth=0.8)
        axes.axhline(0, color="grey", linewidth=0.6)
        ylabel = f"segmentation − reference, {size.unit}" if index == 0 else ""
        axes.set(title=name, xlabel=f"mean of both, {size.unit}", ylabel=ylabel)
        axes.grid(alpha=0.3)
    return _png(figure)


def _on_white(colours: Sequence[Colour]) -> list[tuple[float, ...]]:
    """Colours of 0 to 1, somewhat darker: those of the palette are made for images, which are dark."""
    return [tuple(0.85 * value / 255 for value in colour) for colour in colours]


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()
