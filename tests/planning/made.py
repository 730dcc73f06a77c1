"""Fingerprints made by hand, for tests of rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from monai_mobileunet.data import DataError
from monai_mobileunet.planning.fingerprint import CaseFingerprint, ClassFingerprint, Fingerprint
from monai_mobileunet.planning.measuring import inspect_dataset

ORGAN = ClassFingerprint(30.0, 1, 1.0, (40.0, 40.0, 40.0), (30, 30, 30), (30.0, 30.0, 30.0), 0.5)
MR = ((0.0, 10.0, 100.0, 400.0, 900.0),)
CT = ((-1024.0, -1000.0, -500.0, 80.0, 700.0),)
TISSUE = ((-90.0, -20.0, 40.0, 110.0, 180.0),)


def organ(**changes: Any) -> ClassFingerprint:
    """A class as large as a kidney, in the middle, but for what is changed."""
    return replace(ORGAN, **changes)


def case(number: int = 1, **changes: Any) -> CaseFingerprint:
    """A case of MRI with one class, but for what is changed."""
    name = f"case_{number:03d}"
    one = CaseFingerprint(
        name=name,
        subject=name,
        shape=(200, 200, 120),
        spacing=(1.0, 1.0, 1.0),
        orientation="RAS",
        channels=1,
        integers=True,
        lowest=(0.0,),
        percentiles=MR,
        foreground=MR,
        classes={"organ": ORGAN},
    )
    return replace(one, **changes)


def fingerprint(count: int = 20, modality: str = "MR", **changes: Any) -> Fingerprint:
    """A data set of equal cases of MRI, but for what is changed in each."""
    return of_cases(*(case(number, **changes) for number in range(1, count + 1)), modality=modality)


def of_cases(*cases: CaseFingerprint, modality: str = "MR", **changes: Any) -> Fingerprint:
    """A data set of these cases."""
    names = tuple(dict.fromkeys(name for one in cases for name in one.classes))
    whole = Fingerprint("/data/set", "two folders", names, ("",) * cases[0].channels, modality, cases)
    return replace(whole, **changes)


def ct(**changes: Any) -> dict[str, Any]:
    """What of a case is other in CT."""
    return {"lowest": (-1024.0,), "percentiles": CT, "foreground": TISSUE, **changes}


def measure_dataset(dataset_dir: Path, **options: Any) -> Fingerprint:
    """The fingerprint of a data set on disk, which has to be sound.

    Raises:
        DataError: what is wrong with it.
    """
    findings, measured = inspect_dataset(dataset_dir, **options)
    if measured is None:
        raise DataError([finding for finding in findings if not finding.warning])
    return measured
