"""DICOM's codes of modalities: how a bundle says what kind of images it is for. Comes without torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["MODALITIES", "check_modality", "modality_of_names"]

_OF_IMAGES = "BI CR CT DG DX EPS ES GM IO IVOCT IVUS LS MG MR NM OCT OP OPT PA PT PX RF RG SM TG US XA XC"
MODALITIES = tuple(_OF_IMAGES.split())
"""DICOM's codes of what makes images, as (0008,0060) has them."""

_CODES = {
    "MR": "MRI NMR MRT T1 T1W T1C T1CE T1GD T2 T2W T2F PDW FLAIR SWI FMRI BOLD DWI DTI ADC",
    "CT": "CAT CBCT CTA",
    "PT": "PET",
    "NM": "SPECT SCINTIGRAPHY",
    "US": "ULTRASOUND SONOGRAPHY ECHO",
    "DX": "XRAY X-RAY RADIOGRAPH RADIOGRAPHY",
    "MG": "MAMMOGRAPHY MAMMO",
    "XA": "ANGIOGRAPHY DSA",
    "SM": "WSI HISTOLOGY",
}
CODE_OF_WORD = {word: code for code, words in _CODES.items() for word in words.split()}


def check_modality(modality: str) -> str:
    """DICOM's code of a modality, in capitals; images are held against it by that code alone.

    Raises:
        ValueError: it is none of :data:`MODALITIES`.
    """
    code = modality.strip().upper()
    if code in MODALITIES:
        return code
    near = [CODE_OF_WORD[code]] if code in CODE_OF_WORD else get_close_matches(code, MODALITIES, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise ValueError(f"{modality!r} is no modality of DICOM; expected one of {', '.join(MODALITIES)}.{meant}")


def modality_of_names(names: Iterable[str]) -> str:
    """DICOM's code of the modality that names of channels tell: ``"MR"`` of ``"T1w"`` and ``"FLAIR"``.

    Args:
        names: as people write them; words that are no modality, such as ``"T2-weighted image"`` has, are passed over.

    Returns:
        The code; empty where the names tell none, or different ones.
    """
    codes = {code for name in names for code in _codes_in(name)}
    return codes.pop() if len(codes) == 1 else ""


def _codes_in(name: str) -> set[str]:
    whole = name.strip().upper()
    if whole in MODALITIES:
        return {whole}
    # within a longer name only codes that are no words: "op", "us" and "io" may mean anything
    words = re.findall(r"X-RAY|[A-Z0-9]+", whole)
    return {CODE_OF_WORD.get(word, word) for word in words if word in CODE_OF_WORD or word in ("CT", "MR", "PT")}
