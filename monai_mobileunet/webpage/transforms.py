"""The transforms that the page has, one row each, and a bundle's own turned into the steps of its description.

What a row does not have is refused by name: a page that left a transform out would give other masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from monai.bundle import ConfigParser

from monai_mobileunet.data.errors import DataError, refusal
from monai_mobileunet.webpage import arguments as are
from monai_mobileunet.webpage.arguments import ANYTHING, Argument, kept, only

__all__ = ["PAGE_TRANSFORMS", "described_steps"]

Row = Mapping[str, Argument]

SHARED: Row = {"keys": kept(are.items), "allow_missing_keys": only(False)}
AT_ONCE: Row = {**SHARED, "lazy": only(False)}
FLOAT32 = Argument(are.float32, "float32", name="")

PAGE_TRANSFORMS: dict[str, Row] = {
    "Orientationd": {
        **AT_ONCE,
        "axcodes": kept(are.axcodes),
        "labels": only(None),
        "as_closest_canonical": only(False),
    },
    "Spacingd": {
        **AT_ONCE,
        "pixdim": kept(are.spacing),
        "min_pixdim": kept(are.optional(are.spacing), None),
        "max_pixdim": kept(are.optional(are.spacing), None),
        "mode": only("bilinear"),
        "padding_mode": only("border"),
        "dtype": Argument(are.float32, "float64", name=""),
        **dict.fromkeys(("align_corners", "diagonal", "scale_extent", "recompute_affine"), only(False)),
        "ensure_same_shape": ANYTHING,
    },
    "Lambdad": {
        **SHARED,
        "func": Argument(are.offset, name="offset", is_code=True),
        "track_meta": only(True),
        "overwrite": only(True),
    },
    "CropForegroundd": {
        **AT_ONCE,
        "source_key": kept(are.item),
        "select_fn": Argument(are.above, "$lambda x: x > 0", "above", is_code=True),
        "margin": kept(are.counts(3), 0),
        "allow_smaller": kept(are.flag, False),
        "k_divisible": only(1),
        "channel_indices": only(None),
        "mode": only("constant"),
        "start_coord_key": ANYTHING,
        "end_coord_key": ANYTHING,
    },
    "CopyItemsd": {**SHARED, "names": kept(are.items), "times": only(1)},
    "ScaleIntensityRanged": {
        **SHARED,
        **{name: kept(are.number) for name in ("a_min", "a_max", "b_min", "b_max")},
        "clip": kept(are.flag, False),
        "dtype": FLOAT32,
    },
    "ConcatItemsd": {**SHARED, "name": kept(are.item), "dim": only(0)},
    "DeleteItemsd": {"keys": kept(are.items), "sep": ANYTHING, "use_re": only(False)},
    "ClipIntensityPercentilesd": {
        **SHARED,
        "lower": kept(are.number),
        "upper": kept(are.number),
        "channel_wise": kept(are.flag, False),
        "sharpness_factor": only(None),
        "dtype": FLOAT32,
    },
    "NormalizeIntensityd": {
        **SHARED,
        "channel_wise": kept(are.flag, False),
        "subtrahend": only(None),
        "divisor": only(None),
        "nonzero": only(False),
        "dtype": FLOAT32,
    },
    "KeepLargestComponentsd": {**SHARED, "applied_labels": kept(are.counts())},
    "SplitByPlaned": {**SHARED, **{name: kept(are.count) for name in ("spatial_axis", "lower", "upper")}},
    "RestoreGridd": {**SHARED, "orig_keys": kept(are.item, "image")},
}
"""Transform → what the page understands of its arguments; an argument that is not named here is refused."""

WITHOUT_STEP: dict[str, Row] = {
    "LoadImaged": {
        **SHARED,
        "reader": Argument(are.reader, None, name="", is_code=True),
        "dtype": FLOAT32,
        "image_only": ANYTHING,
        "ensure_channel_first": ANYTHING,
    },
    "EnsureChannelFirstd": {**SHARED, "channel_dim": only(None), "strict_check": ANYTHING},
    "EnsureTyped": {
        **SHARED,
        "dtype": Argument(are.optional(are.float32), None, name=""),
        "data_type": only("tensor"),
        "device": ANYTHING,
        "wrap_sequence": ANYTHING,
        "track_meta": only(None, True),
    },
    "CheckImaged": {**SHARED, "bundle_root": ANYTHING},
    "CheckMaskd": {**SHARED, "bundle_root": ANYTHING},
    "Probabilitiesd": SHARED,
}
"""Transforms that the page does by itself, or that change nothing there."""

OF_MASKS = frozenset({"KeepLargestComponentsd", "SplitByPlaned", "RestoreGridd", "CheckMaskd", "Probabilitiesd"})
OF_BOTH = frozenset({"EnsureTyped"})
"""The page does the first to masks in the postprocessing, the second anywhere, and all others to images before it."""

SAVING = "SaveImaged"
"""Writes a file, which the page leaves to whoever looks at the mask, whatever its arguments are."""

PACKAGES = ("", "monai", "monai_mobileunet")
"""Whose transforms these are; a name without a package is MONAI's."""

NO_ARGUMENTS = ("_target_", "_disabled_", "_desc_", "_mode_")

INSTEAD = "or segment with mobileunet segment, which takes every transform of MONAI"


def described_steps(parser: ConfigParser, place: str, file: str) -> list[dict[str, Any]]:
    """The steps of a pipeline as the page's description has them.

    Args:
        parser: of the bundle's config.
        place: id of the pipeline, ``"preprocessing"`` or ``"postprocessing"``.
        file: the config, for messages.

    Returns:
        For each transform that has an effect on the page its name, its keys and its arguments, all evaluated.

    Raises:
        DataError: the page does not have a transform, or does not understand an argument; the message names the file,
            the transform and the argument.
    """
    return list(_Steps(parser, place, file).of(place))


class _Steps:
    def __init__(self, parser: ConfigParser, pipeline: str, file: str) -> None:
        self._parser, self._pipeline, self._file = parser, pipeline, file

    def _has(self, name: str) -> bool:
        return name in OF_BOTH or (name in OF_MASKS) == (self._pipeline == "postprocessing")

    def of(self, place: str) -> Iterator[dict[str, Any]]:
        """The steps of one transform, or of those that it is composed of."""
        place, config = self._followed(place)
        if not isinstance(config, Mapping) or "_target_" not in config:
            problem = f"{place} is {config!r}; the page takes transforms that are written out in the config."
            raise self._refused(problem, f"Write it as an object with a _target_, {INSTEAD}.")
        if self._is_disabled(place, config):
            return
        package, _, name = str(config["_target_"]).rpartition(".")
        name = name if package.partition(".")[0] in PACKAGES else str(config["_target_"])
        if name == "Compose":
            yield from self._composed(place, config)
        elif name in PAGE_TRANSFORMS and self._has(name):
            yield {"transform": name, **self._read(place, config, name, PAGE_TRANSFORMS[name])}
        elif name in WITHOUT_STEP and self._has(name):
            self._read(place, config, name, WITHOUT_STEP[name])
        elif name != SAVING:
            problem = f"{place} is the transform {name}, which the page does not have in the {self._pipeline}."
            raise self._refused(problem, f"Use one of {', '.join(filter(self._has, PAGE_TRANSFORMS))}, {INSTEAD}.")

    def _composed(self, place: str, config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        self._refuse_unknown(place, config, "Compose", ("transforms",))
        within, transforms = self._followed(f"{place}#transforms")
        if not isinstance(transforms, list):
            problem = f"{within} is {transforms!r}; the page takes a list that is written out in the config."
            raise self._refused(problem, f"Write it as a list, {INSTEAD}.")
        for index in range(len(transforms)):
            yield from self.of(f"{within}#{index}")

    def _followed(self, place: str) -> tuple[str, Any]:
        """An entry as it is written, behind the references that lead to it, and its id."""
        content = self._parser[place]
        while isinstance(content, str) and content.startswith("@") and content[1:] in self._parser:
            place = content[1:]
            content = self._parser[place]
        return place, content

    def _is_disabled(self, place: str, config: Mapping[str, Any]) -> bool:
        """As MONAI has it: the word ``true``, or what is true when it is evaluated."""
        value = self._parser.get_parsed_content(f"{place}#_disabled_") if "_disabled_" in config else False
        return value.lower().strip() == "true" if isinstance(value, str) else bool(value)

    def _read(self, place: str, config: Mapping[str, Any], name: str, row: Row) -> dict[str, Any]:
        self._refuse_unknown(place, config, name, row)
        step: dict[str, Any] = {}
        for argument, known in row.items():
            value = self._value(place, config, name, argument, known)
            try:
                content = known.read(value, self._parser.get_parsed_content) if known.is_code else known.read(value)
            except ValueError as error:
                given = "" if argument in config else ", its default"
                problem = f"{place} ({name}) has {argument} {value!r}{given}; the page takes {error} only."
                raise self._refused(problem, f"Change {argument}, {INSTEAD}.") from error
            if known.name != "":
                step[known.name or argument] = content
        return step

    def _value(self, place: str, config: Mapping[str, Any], name: str, argument: str, known: Argument) -> Any:
        if argument not in config:
            if known.default is are.ABSENT:
                problem = f"{place} ({name}) has no {argument}, which the page needs."
                raise self._refused(problem, f"Write {argument} into the config, {INSTEAD}.")
            return known.default
        if known is ANYTHING:
            return None
        if known.is_code:
            return self._followed(f"{place}#{argument}")[1]
        return self._parser.get_parsed_content(f"{place}#{argument}")

    def _refuse_unknown(self, place: str, config: Mapping[str, Any], name: str, known: Any) -> None:
        unknown = [argument for argument in config if argument not in known and argument not in NO_ARGUMENTS]
        if config.get("_mode_", "default") != "default":
            unknown.append("_mode_")
        if unknown:
            problem = f"{place} ({name}) has the argument {unknown[0]}, which the page does not know."
            raise self._refused(problem, f"Leave {unknown[0]} out if that changes nothing, {INSTEAD}.")

    def _refused(self, problem: str, remedy: str) -> DataError:
        return refusal(self._file, problem, remedy)
