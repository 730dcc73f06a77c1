"""A run over a data set in BIDS: its images, the places of its masks, and the files that describe these.

The rules are those of https://bids-specification.readthedocs.io, "BIDS Derivatives" and "Imaging data types".
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import monai_mobileunet
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.parts.emit import LOGS
from monai_mobileunet.cohort.plan import STATE, Plan
from monai_mobileunet.data.bids_names import (
    DERIVATIVES,
    DESCRIPTION,
    MASK,
    OURS,
    OWN_SPACE,
    SEGMENTATION,
    BidsName,
    generators,
    label_entities,
)
from monai_mobileunet.data.datasets.listing import read_json
from monai_mobileunet.data.errors import list_some, refusal
from monai_mobileunet.data.label_files import ITK_SNAP, LABELS, described_labels
from monai_mobileunet.data.names import without_suffix
from monai_mobileunet.data.search.bids import search_bids
from monai_mobileunet.data.search.places import refuse_shared_places
from monai_mobileunet.palette import Colour, as_hex
from monai_mobileunet.reports.run_report import REPORTS

__all__ = ["describe_derivatives", "plan_bids"]

OTHER_FOLDER = "Name another folder with -o."

VERSION = "1.10.1"
"""The version of BIDS that was followed."""

IGNORED = ".bidsignore"
TABLE = f"{SEGMENTATION}.tsv"
SPATIAL_REFERENCE = {"SpatialReference": OWN_SPACE}
"""What BIDS wants to know of files with this space in their names."""


def plan_bids(
    source: Path,
    output: Path,
    bundle: Bundle,
    split: bool = False,
    suffix: str | None = None,
    participants: Sequence[str] = (),
) -> Plan:
    """Find the images of a data set in BIDS, and where their masks go.

    ``sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz`` has its mask in a data set of derivatives, at
    ``sub-01/ses-1/anat/sub-01_ses-1_space-orig_desc-T1w_dseg.nii.gz``, or one for each class at
    ``…_space-orig_label-anterior_desc-T1w_mask.nii.gz``.

    Args:
        source: root of the data set.
        output: where masks are wanted. They lie in ``derivatives/<bundle>`` of the data set if it is its root, in
            ``<bundle>`` if it is a folder ``derivatives``, by its own name or by that of
            a link to it, and otherwise in the folder itself.
        bundle: the bundle.
        split: whether there is one file for each class.
        suffix: see :func:`.search.bids.search_bids`.
        participants: likewise.

    Raises:
        DataError: nothing to segment, or two images with one mask.
    """
    search = search_bids(source, suffix, participants)
    place = _derivatives(source, output, bundle)
    labels = label_entities(bundle.class_names) if split else ()
    names = [BidsName.of(item.images[0]) for item in search.found]
    placed = [
        tuple((place / item.mask).with_name(f"{name.derived(label)}.nii.gz") for label in labels or ("",))
        for item, name in zip(search.found, names, strict=True)
    ]
    refuse_shared_places(search.found, placed)
    cases = (
        CaseRecord(without_suffix(item.images[0].relative_to(source)), item.images, outputs)
        for item, outputs in zip(search.found, placed, strict=True)
    )
    return Plan(tuple(cases), place, unreadable=search.unreadable, left_out=search.left_out, warnings=search.warnings)


def describe_derivatives(source: Path, plan: Plan, bundle: Bundle, weights: str, split: bool = False) -> dict[str, str]:
    """The files that make the masks of a run a data set of derivatives: their texts by their names.

    What someone has added to ``dataset_description.json`` or ``.bidsignore`` since an earlier run stays, entries of its
    lists among it.

    Args:
        source: root of the data set of the images.
        plan: of the run over it.
        bundle: the bundle.
        weights: SHA-256 of its weights.
        split: whether there is one file for each class.

    Raises:
        DataError: the folder of the masks is a data set that is someone else's or another bundle's, or holds a part of
            one.
    """
    place = plan.output
    known = _known_description(place, bundle)
    if known or (place / STATE).is_dir():
        _refuse_another_bundle(place, bundle)
    files = {
        DESCRIPTION: _as_text(_description(source, place, bundle, weights, known)),
        **(_of_masks() if split else _of_segmentations(bundle.class_names, bundle.colours)),
    }
    if not known and not (place / STATE).is_dir():
        foreign = [path for path in (*map(place.joinpath, files), *place.glob("sub-*")) if os.path.lexists(path)]
        if foreign:
            raise refusal(foreign[0], "is there, and no run has written it.", OTHER_FOLDER)
    kept = (place / IGNORED).read_text("utf-8").splitlines() if (place / IGNORED).is_file() else []
    ignored = dict.fromkeys([*kept, f"{STATE}/", f"{LOGS}/", LABELS, ITK_SNAP, *REPORTS])
    return {**files, IGNORED: "\n".join([*ignored, ""])}


def _description(source: Path, place: Path, bundle: Bundle, weights: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """The ``dataset_description.json`` of the masks."""
    root, here, name = Path(os.path.realpath(source)), Path(os.path.realpath(place)), bundle.folder.name
    nested = here.is_relative_to(root)
    url = Path(os.path.relpath(root, here)).as_posix() if nested else root.as_uri()
    doi = _read(source / DESCRIPTION).get("DatasetDOI")
    version = bundle.metadata.get("version")
    text = f"MONAI bundle {name}, weights of SHA-256 {weights}, classes {', '.join(bundle.class_names)}."
    made = [
        *(
            [{"Name": here.name}] if nested and name not in here.name else []
        ),  # within its source, first of all the folder
        {"Name": name, **({"Version": str(version)} if version else {}), "Description": text},
        {"Name": OURS, "Version": monai_mobileunet.__version__},
    ]
    sources = [{"URL": url, **({"DOI": doi} if isinstance(doi, str) else {})}]
    return {
        "Name": f"Segmentations by {name}",
        **known,
        "BIDSVersion": VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": _renewed(known.get("GeneratedBy"), made, "Name"),
        "SourceDatasets": _renewed(known.get("SourceDatasets"), sources, "URL"),
    }


def _renewed(known: Any, ours: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    """A list with our entries as they are now, found by a key; those of others stay where they are."""
    entries = known if isinstance(known, list) else []
    new = {entry[key]: entry for entry in ours}
    names = [str(entry.get(key)) if isinstance(entry, dict) else "" for entry in entries]
    kept = [{**entry, **new[name]} if name in new else entry for name, entry in zip(names, entries, strict=True)]
    return [*kept, *(entry for name, entry in new.items() if name not in names)]


def _derivatives(source: Path, output: Path, bundle: Bundle) -> Path:
    """The folder of the data set of derivatives."""
    if os.path.realpath(source) == os.path.realpath(output):
        return output / DERIVATIVES / bundle.folder.name
    names = {os.path.basename(path) for path in (os.path.abspath(output), os.path.realpath(output))}
    return output / bundle.folder.name if DERIVATIVES in names else output


def _known_description(place: Path, bundle: Bundle) -> dict[str, Any]:
    """What an earlier run has said of its masks; empty without one.

    Raises:
        DataError: a file says that the data set is someone else's.
    """
    path = place / DESCRIPTION
    if not os.path.lexists(path):
        return {}
    content = _read(path)
    names = generators(content)
    if not {OURS, bundle.folder.name} <= set(names):
        expected = f"{bundle.folder.name} and {OURS}"
        problem = f"tells of a data set by {list_some(names) or 'nobody'}; expected one by {expected}."
        raise refusal(path, problem, OTHER_FOLDER)
    return content


def _refuse_another_bundle(place: Path, bundle: Bundle) -> None:
    """Refuse a data set that a run of another bundle has begun, or one with other classes: its masks would stay there.

    Raises:
        DataError: it is such a data set.
    """
    labels = _read(place / LABELS)
    name, classes = labels.get("bundle", bundle.folder.name), labels.get("labels", {})
    if name != bundle.folder.name:
        raise refusal(place / LABELS, f"tells of masks by {name}; expected {bundle.folder.name}.", OTHER_FOLDER)
    known = {place / LABELS: list(classes.values()) if isinstance(classes, dict) else []}
    if (place / TABLE).is_file():
        rows = csv.DictReader((place / TABLE).read_text("utf-8-sig").splitlines(), delimiter="\t")
        known[place / TABLE] = [row.get("name") for row in rows]
    expected = ["background", *bundle.class_names]
    for path, names in known.items():
        if names and names != expected:
            raise refusal(path, f"has the classes {list_some(names)}; expected {list_some(expected)}.", OTHER_FOLDER)


def _read(path: Path) -> dict[str, Any]:
    """An object in a JSON file; empty without a file."""
    content = read_json(path) if path.is_file() else {}
    return content if isinstance(content, dict) else {}


def _of_masks() -> dict[str, str]:
    return {f"space-{OWN_SPACE}_{MASK}.json": _as_text({**SPATIAL_REFERENCE, "Type": "ROI"})}


def _of_segmentations(class_names: Sequence[str], colours: Sequence[Colour]) -> dict[str, str]:
    """What holds for all segmentations, and the table of classes, whose abbreviations are those in names of masks."""
    text = io.StringIO()
    rows = csv.writer(text, delimiter="\t", lineterminator="\n")
    rows.writerow(("index", "name", "abbreviation", "color"))
    rows.writerow((0, "background", "BG", "#000000"))
    labels = zip(class_names, label_entities(class_names), colours, strict=True)
    for number, (name, label, colour) in enumerate(labels, 1):
        rows.writerow((number, name, label, as_hex(colour)))
    about = _as_text({**SPATIAL_REFERENCE, "Manual": False, "Labels": described_labels(class_names, colours)})
    return {f"space-{OWN_SPACE}_{SEGMENTATION}.json": about, TABLE: text.getvalue()}


def _as_text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
