"""What the numbers in masks mean, and in which colours: files that are written once beside the masks of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_mobileunet.data.datasets.listing import read_json
from monai_mobileunet.data.errors import DataError
from monai_mobileunet.palette import Colour, as_hex

__all__ = ["ITK_SNAP", "LABELS", "described_labels", "known_colours", "label_files"]

LABELS, ITK_SNAP = "labels.json", "labels_itksnap.txt"

ITK_SNAP_HEADER = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
# Fields:
#    IDX:   Zero-based index
#    -R-:   Red color component (0..255)
#    -G-:   Green color component (0..255)
#    -B-:   Blue color component (0..255)
#    -A-:   Label transparency (0.00 .. 1.00)
#    VIS:   Label visibility (0 or 1)
#    MSH:   Label mesh visibility (0 or 1)
#  LABEL:   Label description
################################################
    0     0    0    0        0  0  0    "Clear Label"
"""


def label_files(class_names: Sequence[str], colours: Sequence[Colour], bundle: str) -> dict[str, str]:
    """The files by their names.

    Args:
        class_names: of the classes from 1 on.
        colours: of these.
        bundle: name of the bundle whose masks they describe.

    Returns:
        ``labels.json``, and the file that *Import Label Descriptions* of ITK-SNAP reads.
    """
    numbered = {"0": "background", **{str(number): name for number, name in enumerate(class_names, 1)}}
    shown = {str(number): as_hex(colour) for number, colour in enumerate(colours, 1)}
    content = {"labels": numbered, "colours": shown, "bundle": bundle}
    return {LABELS: json.dumps(content, indent=2) + "\n", ITK_SNAP: _for_itk_snap(class_names, colours)}


def _for_itk_snap(class_names: Sequence[str], colours: Sequence[Colour]) -> str:
    lines = []
    for number, (name, (red, green, blue)) in enumerate(zip(class_names, colours, strict=True), 1):
        label = " ".join(name.replace('"', "'").split())
        lines.append(f'{number:5d}  {red:4d} {green:4d} {blue:4d}        1  1  1    "{label}"\n')
    return ITK_SNAP_HEADER + "".join(lines)


def described_labels(class_names: Sequence[str], colours: Sequence[Colour]) -> dict[str, dict[str, str]]:
    """The same for JSON that describes a file of class numbers: name and colour by the number."""
    shown = zip(class_names, colours, strict=True)
    return {str(number): {"Name": name, "Color": as_hex(colour)} for number, (name, colour) in enumerate(shown, 1)}


def known_colours(folder: Path, class_names: Sequence[str]) -> tuple[Colour, ...]:
    """The colours that a run's ``labels.json`` gives to classes; none where there is no such file, or other classes.

    Args:
        folder: of the masks.
        class_names: of the classes from 1 on.
    """
    try:
        content = read_json(folder / LABELS) if (folder / LABELS).is_file() else {}
    except DataError:  # colours are worth no failure: the palette has some
        return ()
    names, colours = (_values(content, key) for key in ("labels", "colours"))
    if names[1:] != list(class_names) or len(colours) != len(class_names):
        return ()
    try:
        return tuple(map(_from_hex, colours))
    except ValueError:
        return ()


def _values(content: Any, key: str) -> list[str]:
    part = content.get(key) if isinstance(content, dict) else None
    return list(map(str, part.values())) if isinstance(part, dict) else []


def _from_hex(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue
