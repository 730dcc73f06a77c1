"""Rules for modality, channels and intensities."""

from __future__ import annotations

from statistics import median
from typing import Any

from monai_mobileunet.planning.fingerprint import PERCENTILES, CaseFingerprint
from monai_mobileunet.planning.plan import Decision, Setting
from monai_mobileunet.planning.rules.known import Known, numbers
from monai_mobileunet.wording import counted

__all__ = ["OTHER", "RULES", "looks_like_ct"]

AIR = -500.0
"""HU that air is below and the body above."""

STORED_OFFSET = 1024.0
"""Of Hounsfield units in files of whole numbers from 0 on."""

SOFT_TISSUE = (-160.0, 240.0)
"""The radiologists' window, HU."""

WIDE = 800.0
"""HU; over a wider range one window leaves too little contrast within soft tissue."""

NARROWEST = 200.0

OTHER = "OT"
"""DICOM's code of what is none of its modalities."""

MEDIAN = PERCENTILES.index(50.0)


def looks_like_ct(case: CaseFingerprint) -> bool:
    """Whether values are such as Hounsfield units are: whole numbers, from air on."""
    return case.channels == 1 and case.integers and -4096 <= case.lowest[0] <= -900


def is_offset(case: CaseFingerprint) -> bool:
    """Whether values of a CT have :data:`STORED_OFFSET` added."""
    labelled = case.foreground[0][MEDIAN] if case.foreground else case.percentiles[0][-1]
    return case.lowest[0] >= 0 and labelled - STORED_OFFSET > AIR


def modality_from_names_and_values(known: Known) -> Decision:
    """What the names of channels say, or else the values."""
    named = known.options.modality or known.fingerprint.modality
    ct = sum(map(looks_like_ct, known.cases))
    if not named and known.in_pixels:
        codes = "DX of radiographs, US of ultrasound, OP of the fundus, SM of histology"
        return Decision(
            {"format": "magnitude", "modality": OTHER, "value_range": [-5, 5]},
            f"{OTHER} (other), for nothing in pictures tells the modality: --modality takes DICOM's code, {codes}.",
        )
    modality = named or ("CT" if ct > len(known.cases) / 2 else "MR")
    how = "the user's" if known.options.modality else "by the channels' names" if named else "by the values"
    reason = f"{modality}, {how}; {ct} of {counted(len(known.cases), 'case')} have values like Hounsfield units."
    if modality == "CT" and known.cases[0].channels == 1:
        return Decision({"format": "hounsfield", "modality": "CT", "value_range": [-2, 2]}, reason)
    return Decision({"format": "magnitude", "modality": modality, "value_range": [-5, 5]}, reason)


def _is_ct(known: Known) -> bool:
    """Whether values are, or can be brought to, Hounsfield units."""
    plausible = sum(looks_like_ct(case) or is_offset(case) or case.lowest[0] < -50 for case in known.cases)
    return known["image"]["modality"] == "CT" and known.cases[0].channels == 1 and plausible > len(known.cases) / 2


def offset_where_nothing_is_negative(known: Known) -> Setting | None:
    """The offset that CT was stored with."""
    offset = [case for case in known.cases if is_offset(case)] if _is_ct(known) else []
    if not offset:
        return None
    reason = (
        f"{len(offset)} of {counted(len(known.cases), 'case')} of CT have no negative value: "
        "their Hounsfield units were stored "
    )
    return Setting(STORED_OFFSET, f"{reason}with 1024 added, which is taken off a volume without negative values.")


def windows_of_the_foreground(known: Known) -> Setting | None:
    """Of CT the Hounsfield units of what is labelled; a second window where those span soft tissue and bone."""
    if not _is_ct(known):
        return None
    labelled = [_in_units(case) for case in known.cases if case.foreground]
    if not labelled:
        return Setting([list(SOFT_TISSUE)], "Nothing is labelled; the radiologists' window for soft tissue.")
    low, high = (median(values[end] for values in labelled) for end in (0, -1))
    margin = max(0.1 * (high - low), (NARROWEST - (high - low)) / 2)
    window = [round((low - margin) / 10) * 10.0, round((high + margin) / 10) * 10.0]
    measured = f"What is labelled lies between {numbers([low])} and {numbers([high])} HU (0.5 and 99.5 %)"
    if high - low > WIDE and low < SOFT_TISSUE[1]:
        wide = [list(SOFT_TISSUE), window]
        return Setting(
            wide, f"{measured}, soft tissue and bone or air: a window for soft tissue, and one for all of it."
        )
    return Setting([window], f"{measured}; a tenth more on both sides, {NARROWEST:.0f} HU at least.")


def _in_units(case: CaseFingerprint) -> list[float]:
    offset = STORED_OFFSET if is_offset(case) else 0.0
    return [value - offset for value in case.foreground[0]]


def channels_after_windows(known: Known) -> Decision:
    """A channel for each window of CT, or those of the files."""
    if "windows" in known.decided:
        count = len(known["windows"])
        return Decision(count, f"{counted(count, 'window')} of one image.")
    return Decision(known.cases[0].channels, "As many as the files have.")


def names_of_channels(known: Known) -> Decision:
    """What the data set calls them, or the windows."""
    count = known["image_channels"]
    if "windows" in known.decided and count == 2:
        return Decision(
            ["soft tissue window", "wide window"], "What the preprocessing makes of an image, in this order."
        )
    names = list(known.fingerprint.channel_names)
    if count > 1 and len(names) == count and all(names):
        return Decision(names, "As the data set calls them, or as the colours of pictures are called.")
    return Decision([""] * count, "One channel needs no name." if count == 1 else "The data set names none.")


def channels_of_files(known: Known) -> Decision:
    """One file for all windows, or as many as the network's."""
    if "windows" in known.decided and known["image_channels"] != 1:
        return Decision(1, "A file holds one image, of which the preprocessing makes the channels.")
    return Decision("@image_channels", "The preprocessing adds no channel.")


def intensities_by_modality(known: Known) -> Decision:
    """CT in windows, without the air around the body; all else by its own percentiles, channel by channel."""
    spacing: dict[str, Any] = {
        "_target_": "monai_mobileunet.transforms.Spacingd",
        "keys": "image",
        "pixdim": "@spacing",
        "dtype": "$torch.float32",
        "mode": "bilinear",
    }
    if "finest_spacing" in known.decided:
        spacing |= {"min_pixdim": "@finest_spacing", "max_pixdim": "@coarsest_spacing"}
    if "windows" not in known.decided:
        steps = [
            spacing,
            {
                "_target_": "ClipIntensityPercentilesd",
                "keys": "image",
                "lower": 0.5,
                "upper": 99.5,
                "channel_wise": True,
            },
            {"_target_": "NormalizeIntensityd", "keys": "image", "channel_wise": True},
        ]
        tops = [case.percentiles[0][-1] for case in known.cases]
        reason = f"The 99.5th percentile is {numbers([min(tops)])} in one case and {numbers([max(tops)])} in another: "
        reason += "each image is clipped to its own 0.5th and 99.5th and normalised by channel"
        if known.in_pixels and known.cases[0].channels > 1:
            reason += ", red, green and blue each by its own mean, for light and staining differ between pictures"
        return Decision(steps, f"{reason}.")
    steps, reason = [spacing], "Hounsfield units"
    if "stored_offset" in known.decided:
        offset = {
            "_target_": "Lambdad",
            "keys": "image",
            "func": "$lambda x: x - @stored_offset if x.min() >= 0 else x",
        }
        steps.insert(0, offset)
        reason += ", the stored offset taken off"
    if _shows_air(known):
        steps.append(
            {
                "_target_": "monai_mobileunet.transforms.CropForegroundd",
                "keys": "image",
                "source_key": "image",
                "select_fn": f"$lambda x: x > {AIR:.0f}",
                "margin": 2,
                "allow_smaller": True,
            }
        )
        reason += f"; the body without the air around it (below {AIR:.0f})"
    return Decision(steps + _windowed(len(known["windows"])), f"{reason}; in windows, clipped to -2 to 2.")


def _shows_air(known: Known) -> bool:
    air = sum(case.lowest[0] - (STORED_OFFSET if is_offset(case) else 0) < AIR for case in known.cases)
    return air > 0.9 * len(known.cases)


def _windowed(count: int) -> list[dict[str, Any]]:
    """Transforms to a channel for each window."""
    keys = ["image", *(f"window_{number}" for number in range(1, count))]
    copies = [{"_target_": "CopyItemsd", "keys": "image", "names": key} for key in keys[1:]]
    scaled = [
        {
            "_target_": "ScaleIntensityRanged",
            "keys": key,
            "a_min": f"$@windows[{number}][0]",
            "a_max": f"$@windows[{number}][1]",
            "b_min": -2,
            "b_max": 2,
            "clip": True,
        }
        for number, key in enumerate(keys)
    ]
    if count == 1:
        return scaled
    joined = {"_target_": "ConcatItemsd", "keys": keys, "name": "image"}
    return [*copies, *scaled, joined, {"_target_": "DeleteItemsd", "keys": keys[1:]}]


RULES = {
    "image": modality_from_names_and_values,
    "stored_offset": offset_where_nothing_is_negative,
    "windows": windows_of_the_foreground,
    "image_channels": channels_after_windows,
    "channel_names": names_of_channels,
    "file_channels": channels_of_files,
    "image_transforms": intensities_by_modality,
}
