"""A case from the plan of a run to its report: one record, of which journal, tables and pages are views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from monai_mobileunet.data.names import is_picture
from monai_mobileunet.evaluation.results import ClassResult, Outcome, flat_axis
from monai_mobileunet.output_form import OutputType, type_of

__all__ = ["CaseRecord", "CaseState", "Comparison", "FileState", "WrittenFile", "results_from_json"]

FileState = list[Any]
"""Path, size in bytes and time of the last change (ns) of a file, as :mod:`monai_mobileunet.data.files` tells them."""


class CaseState(StrEnum):
    """How far a case has come."""

    PLANNED = "planned"
    IN_HAND = "in hand"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class WrittenFile:
    """A mask as it was written.

    Attributes:
        size: bytes; -1 where an older record does not tell.
        changed_ns: time of the last change.
        sha256: hash of the content.
    """

    size: int
    changed_ns: int
    sha256: str


@dataclass(frozen=True)
class Comparison:
    """A mask against its reference.

    Attributes:
        key: short name of what the numbers depend on beside the files: the classes and the tolerance.
        files: states of the reference and of the masks.
        results: results by the name of the class; empty if there is a problem.
        regions: results by the name of the region, of regions that are unions of classes.
        problem: why the two could not be compared, naming the file and the remedy; empty if they could.
    """

    key: str
    files: list[FileState] = field(default_factory=list)
    results: dict[str, ClassResult] = field(default_factory=dict)
    regions: dict[str, ClassResult] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class CaseRecord:
    """A case.

    Attributes:
        name: unique in its run.
        images: a file, a folder with a DICOM series or a file of one; or one for each channel.
        outputs: the mask, or one for each class; and then DICOM files with it.
        label: the reference; ``None`` if there is none.
        state: how far it has come.
        attempts: how often runs have taken it in hand since it was last finished.
        settings: key of the weights, configs and options that its masks were made with.
        inputs: states of the files that were read.
        written: the masks as they were written, by their path in the output folder.
        problem: why it failed, with the file and what to do.
        warnings: what a reader must know to trust the mask.
        shape: shape of the grid.
        spacing_mm: mm per voxel along its axes.
        volumes_ml: volumes by the name of the class.
        cut_off: classes that reach the border of the image, so that their volume may be larger.
        seconds: time by stage.
        picture: file in the output folder; empty if there is none.
        pictured: state of the reference that the picture shows; empty if it shows none.
        comparison: numbers against the reference; ``None`` if nothing was compared.
    """

    name: str
    images: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()
    label: Path | None = None
    state: CaseState = CaseState.PLANNED
    attempts: int = 0
    settings: str = ""
    inputs: list[FileState] = field(default_factory=list)
    written: dict[str, WrittenFile] = field(default_factory=dict)
    problem: str = ""
    warnings: list[str] = field(default_factory=list)
    shape: list[int] = field(default_factory=list)
    spacing_mm: list[float] = field(default_factory=list)
    volumes_ml: dict[str, float] = field(default_factory=dict)
    cut_off: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    picture: str = ""
    pictured: list[FileState] = field(default_factory=list)
    comparison: Comparison | None = None

    @property
    def done(self) -> bool:
        """Whether it has a mask."""
        return self.state is CaseState.DONE

    @property
    def failed(self) -> bool:
        """Whether it gave no mask."""
        return self.state is CaseState.FAILED

    @property
    def masks(self) -> tuple[Path, ...]:
        """Of the outputs the mask, or one for each class."""
        return self._written_as(OutputType.NIFTI) or self._written_as(OutputType.SEG_NRRD)

    @property
    def segmentations(self) -> tuple[Path, ...]:
        """Of the outputs those of 3D Slicer that are written beside other masks."""
        return self._written_as(OutputType.SEG_NRRD) if self._written_as(OutputType.NIFTI) else ()

    @property
    def dicom(self) -> tuple[Path, ...]:
        """Of the outputs those that are DICOM SEG or RTSTRUCT."""
        return self._written_as(OutputType.DICOM_SEG, OutputType.DICOM_RTSTRUCT)

    def _written_as(self, *kinds: OutputType) -> tuple[Path, ...]:
        return tuple(path for path in self.outputs if type_of(path.name) in kinds)

    @cached_property
    def in_pixels(self) -> bool:
        """Whether it is a picture, which tells no mm."""
        return any(is_picture(path) for path in (*self.images, self.label)[:1] if path is not None)

    @cached_property
    def areas(self) -> dict[str, float]:
        """Areas in mm² by the name of the class, of an image with a single slice; in pixels of a picture."""
        flat = flat_axis(self.shape)
        if flat is None:
            return {}
        return {name: 1000 * ml / self.spacing_mm[flat] for name, ml in self.volumes_ml.items()}

    @property
    def shares(self) -> dict[str, float]:
        """Shares of the image in [0, 1] by the name of the class, of an image with a single slice."""
        whole = prod(self.shape) * prod(self.spacing_mm) / 1000
        return {name: self.volumes_ml[name] / whole for name in self.areas}

    @property
    def results(self) -> dict[str, ClassResult]:
        """Results against the reference by the name of the class; empty without a comparison."""
        return self.comparison.results if self.comparison else {}

    @property
    def classes(self) -> tuple[ClassResult, ...]:
        """Results against the reference, in the order of the classes."""
        return tuple(self.results.values())

    @property
    def regions(self) -> dict[str, ClassResult]:
        """Results against the reference by the name of the region; empty where there is none."""
        return self.comparison.regions if self.comparison else {}

    @property
    def classes_and_regions(self) -> tuple[ClassResult, ...]:
        """Results against the reference, first of the classes, then of the regions."""
        return (*self.classes, *self.regions.values())

    @property
    def comparison_problem(self) -> str:
        """Why the mask could not be compared with its reference; empty if it could, or if there is none."""
        return self.comparison.problem if self.comparison else ""

    @property
    def trouble(self) -> str:
        """Why there is no mask, or no comparison where there is a reference; empty if all went well."""
        return self.problem or self.comparison_problem

    def planned_as(self, plan: CaseRecord) -> CaseRecord:
        """This record with the files that a plan names now."""
        return replace(self, images=plan.images, outputs=plan.outputs, label=plan.label)

    def as_row(self) -> dict[str, Any]:
        """The case in a run's ``report.json``."""
        return {
            "case": self.name,
            "status": self.state.value,
            "images": [str(image) for image in self.images],
            "outputs": [str(output) for output in self.outputs] if self.done else [],
            **{key: getattr(self, key) for key in ("problem", "warnings", "shape", "spacing_mm")},
            **self._sizes(),
            **{key: getattr(self, key) for key in ("cut_off", "seconds")},
            "metrics": {name: result.as_row(self.in_pixels) for name, result in self.results.items()},
            "reference_problem": self.comparison_problem,
            "picture": self.picture,
        }

    def _sizes(self) -> dict[str, dict[str, float]]:
        """How large the classes are, in the units that the image tells."""
        if self.in_pixels:
            return {"areas_pixels": self.areas, "shares_of_image": self.shares}
        return {"volumes_ml": self.volumes_ml} | ({"areas_mm2": self.areas} if self.areas else {})

    def as_json(self) -> dict[str, Any]:
        """All of it, for :meth:`from_json`."""
        label = str(self.label) if self.label else None
        paths = {"images": list(map(str, self.images)), "outputs": list(map(str, self.outputs)), "label": label}
        return {**asdict(self), **paths}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> CaseRecord:
        """What :meth:`as_json` gave.

        Raises:
            TypeError, ValueError, KeyError: it is something else.
        """
        unknown = set(content) - {one.name for one in fields(cls)}
        if unknown:
            raise TypeError(f"A record of a case has no {', '.join(sorted(unknown))}.")
        given = content.get("comparison")
        return cls(
            **{
                **content,
                "images": _paths(content["images"]),
                "outputs": _paths(content["outputs"]),
                "label": Path(content["label"]) if content["label"] else None,
                "state": CaseState(content["state"]),
                "written": {path: WrittenFile(**file) for path, file in content["written"].items()},
                "comparison": _comparison(given) if given else None,
            }
        )


def _paths(names: Sequence[str]) -> tuple[Path, ...]:
    return tuple(map(Path, names))


def _comparison(content: Mapping[str, Any]) -> Comparison:
    measured = {key: results_from_json(content.get(key, {})) for key in ("results", "regions")}
    return Comparison(**{**content, **measured})


def results_from_json(content: Mapping[str, Any]) -> dict[str, ClassResult]:
    """Results by the name of the class, after a way through JSON."""
    return {name: ClassResult(**{**one, "outcome": Outcome(one["outcome"])}) for name, one in content.items()}
