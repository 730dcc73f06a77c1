"""The pictures of the README: masks beside their references, and accuracy against time."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullFormatter

from monai_mobileunet import Segmenter
from monai_mobileunet.data.files import replace_file
from monai_mobileunet.data.reading import read_label
from monai_mobileunet.palette import colour_of
from monai_mobileunet.reports.slices import (
    LETTERS,
    PLANES,
    contrast,
    cut,
    largest_slices,
    shades,
    shown_values,
    spacing_ras,
    to_ras,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Example", "draw_accuracy", "draw_examples", "draw_readme_examples"]

ROOT = Path(__file__).resolve().parent.parent
SOFT_TISSUE = (824.0, 1324.0)  # -200 to 300 HU, as OpenKBP stores them
OPACITY = 0.5  # of a mask over its image
BODY = 25  # shades that are brighter are no air
TICKS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # s


@dataclass(frozen=True)
class Example:
    """A case to show.

    Attributes:
        bundle: folder of the bundle that segments it.
        images: files of the image, one for each channel.
        label: file of its reference.
        planes: slices to show, each where most of the reference is.
        window: values that are black and white; ``None`` for the darkest and brightest 0.5 %.
    """

    bundle: Path
    images: Sequence[Path]
    label: Path
    planes: Sequence[str]
    window: tuple[float, float] | None = None


@dataclass(frozen=True)
class Tile:
    """A slice to draw, cropped to the body.

    Attributes:
        grey: its shades.
        label: class numbers of the reference.
        mask: class numbers of the segmentation.
        aspect: height of a pixel, where its width is 1.
        letters: at the left, right, upper and lower edge.
    """

    grey: np.ndarray
    label: np.ndarray
    mask: np.ndarray
    aspect: float
    letters: Sequence[str]

    @property
    def width(self) -> float:
        """Width of the tile, where its height is 1."""
        rows, columns = self.grey.shape
        return columns / (rows * self.aspect)


def draw_readme_examples(demo: Path, path: Path) -> None:
    """Draw the first brain that the training of the demo left out, and the head and neck that the tests carry.

    Args:
        demo: folder that ``mobileunet demo`` has written.
        path: of the WebP file.

    Raises:
        FileNotFoundError: the demo has not run there.
    """
    brain = json.loads((demo / "held_out" / "list.json").read_text(encoding="utf-8"))["training"][0]
    patient = ROOT / "tests" / "openkbp_patient"
    neck = ROOT / "bundles" / "head_neck_oar_ct_segmentation"
    examples = (
        Example(demo / "bundle", [Path(name) for name in brain["image"]], Path(brain["label"]), ("sagittal", "axial")),
        Example(neck, [patient / "image.nii.gz"], patient / "label.nii.gz", ("axial", "sagittal"), SOFT_TISSUE),
    )
    draw_examples(examples, path)


def draw_examples(examples: Sequence[Example], path: Path) -> None:
    """Segment each example, and draw its mask under its reference.

    Args:
        examples: what to show, from left to right.
        path: of the WebP file.
    """
    segmenters = [Segmenter(example.bundle, device="cpu") for example in examples]
    tiles = [_tiles(example, segmenter) for example, segmenter in zip(examples, segmenters, strict=True)]
    widths = [sum(tile.width for tile in row) for row in tiles]
    figure = Figure(figsize=(10, 20 / sum(widths) + 0.6), layout="constrained", facecolor="black")
    parts = figure.subfigures(1, len(tiles), width_ratios=widths, squeeze=False)[0]
    for part, row, segmenter in zip(parts, tiles, segmenters, strict=True):
        part.set_facecolor("black")
        panels = part.subplots(2, len(row), width_ratios=[tile.width for tile in row], squeeze=False)
        for tile, column in zip(row, panels.T, strict=True):
            for axes, classes in zip(column, (tile.label, tile.mask), strict=True):
                _draw_tile(axes, tile, classes)
        handles = [Patch(color=_colour(number), label=name) for number, name in enumerate(segmenter.class_names, 1)]
        style = {
            "labelcolor": "white",
            "frameon": False,
            "fontsize": 8,
            "handlelength": 1,
            "columnspacing": 1,
            "handletextpad": 0.4,
        }
        part.legend(handles=handles, loc="outside lower center", ncols=len(handles), **style)
        for axes, name in zip(panels[:, 0], ("reference", "monai_mobileunet"), strict=True):
            axes.set_ylabel(name, color="white", fontsize=11)
    with replace_file(path) as temporary:
        figure.savefig(temporary, format="webp", dpi=120, pil_kwargs={"quality": 85})


def draw_accuracy(table: Path, path: Path) -> None:
    """Draw Dice against seconds, one panel for each data set.

    Args:
        table: CSV file with the columns ``data``, ``cost``, ``network``, ``dice`` and ``seconds``.
        path: of the PNG file.
    """
    with table.open(encoding="utf-8", newline="") as file:
        sets = [list(rows) for _, rows in groupby(csv.DictReader(file), key=lambda row: row["data"])]
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, rows in zip(figure.subplots(1, len(sets)), sets, strict=True):
        best = max(rows, key=lambda row: float(row["dice"]))
        for row in rows:
            ours = row["network"].startswith("mobileunet_")
            at = (float(row["seconds"]), float(row["dice"]))
            axes.scatter(*at, s=70 if ours else 40, color="tab:blue" if ours else "grey", marker="D" if ours else "o")
            place = (0, 9) if row is best else (0, -17)
            weight = "bold" if ours else "normal"
            axes.annotate(row["network"], at, place, textcoords="offset points", ha="center", weight=weight)
        axes.set(xscale="log", xlabel=rows[0]["cost"], ylabel="mean Dice of the classes", xticks=TICKS)
        axes.set_title(rows[0]["data"], fontsize=10)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(min(float(row["seconds"]) for row in rows) / 2, max(float(row["seconds"]) for row in rows) * 2)
        axes.margins(y=0.2)
        axes.grid(alpha=0.3, which="both")
    with replace_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def _tiles(example: Example, segmenter: Segmenter) -> list[Tile]:
    result = segmenter(example.images)
    affine = result.volume.affine
    volumes = (shown_values(result.volume), read_label(example.label).values, result.mask)
    image, label, mask = (to_ras(values, affine) for values in volumes)
    low, high = example.window or contrast(image, image > 0)
    tiles = []
    for plane in example.planes:
        axis = PLANES.index(plane)
        grey, *classes = (cut(values, axis, largest_slices(label)[axis]) for values in (image, label, mask))
        grey = shades(grey, low, high)
        rows, columns = np.nonzero(grey > BODY)
        box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        height, width = (spacing_ras(affine)[other] for other in (2, 1, 0) if other != axis)
        tiles.append(Tile(grey[box], classes[0][box], classes[1][box], height / width, LETTERS[axis]))
    return tiles


def _draw_tile(axes: Axes, tile: Tile, classes: np.ndarray) -> None:
    axes.imshow(tile.grey, cmap="gray", vmin=0, vmax=255, aspect=tile.aspect, interpolation="bilinear")
    numbers = range(1, int(classes.max()) + 1)
    palette = np.array([(0, 0, 0, 0), *((*_colour(number), OPACITY) for number in numbers)])
    axes.imshow(palette[classes.astype(int)], aspect=tile.aspect, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    places = ((0.01, 0.5), (0.99, 0.5), (0.5, 0.99), (0.5, 0.01))
    alignments = (("left", "center"), ("right", "center"), ("center", "top"), ("center", "bottom"))
    for letter, (x, y), (across, up) in zip(tile.letters, places, alignments, strict=True):
        outline = [withStroke(linewidth=2, foreground="black")]
        axes.text(x, y, letter, transform=axes.transAxes, ha=across, va=up, color="white", path_effects=outline)


def _colour(number: int) -> tuple[float, float, float]:
    red, green, blue = colour_of(number)
    return red / 255, green / 255, blue / 255
