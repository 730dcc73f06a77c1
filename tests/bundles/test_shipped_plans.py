"""What the rules of planning make of the data that the shipped bundles were trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import BUNDLES

from monai_mobileunet.planning import Plan
from monai_mobileunet.planning.measuring import inspect_dataset
from monai_mobileunet.planning.planner import decisions, plan_dataset

DATA = {"hippocampus_mri_segmentation": "hippocampus", "head_neck_oar_ct_segmentation": "openkbp_hn_ct"}


@pytest.mark.slow  # measures 340 volumes
@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_what_names_a_rule_is_what_that_rule_decides_and_all_else_is_an_override(bundle: Path, data_folder: Path):
    shipped = Plan.read(bundle)
    _, fingerprint = inspect_dataset(data_folder / DATA[bundle.name], shipped.class_names.value)
    assert fingerprint is not None
    ruled = decisions(plan_dataset(fingerprint))
    for name, one in decisions(shipped).items():
        by_rule = json.dumps(ruled[name].value) if name in ruled else None
        agrees = by_rule is not None and json.loads(by_rule) == json.loads(json.dumps(one.value))
        assert one.rule == (ruled[name].rule if agrees else ""), f"{name}: {one.value}, by the rule {by_rule}"
