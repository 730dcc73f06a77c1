"""Units of length by their names, for the formats that name theirs."""

from __future__ import annotations

__all__ = ["MM_PER_NAME"]

_LENGTHS = {
    1.0: "mm|millimeter|millimeters|millimetre|millimetres",
    10.0: "cm|centimeter|centimeters|centimetre|centimetres",
    1000.0: "m|meter|meters|metre|metres",
    1e-3: "um|µm|μm|micron|microns|micrometer|micrometers|micrometre|micrometres",
    1e-6: "nm|nanometer|nanometers|nanometre|nanometres",
}
MM_PER_NAME = {name: mm for mm, names in _LENGTHS.items() for name in names.split("|")}
"""mm per unit of length, by its names in NRRD and MetaImage, in small letters."""
