"""What of one network's weights another takes, tensor by tensor."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from monai_mobileunet.bundle.reuse import class_rows, holds_weights, reuse_weights
from monai_mobileunet.data.files import hash_file
from monai_mobileunet.handlers import load_starting_weights
from monai_mobileunet.networks import create_network

OLD, NEW = ("Left ventricle", "myocardium"), ("myocardium", "scar", "left ventricle")


def network(variant: str = "mobileunet_tiny", classes: int = 3, value: float | None = None, **arguments: Any):
    """A network whose parameters are drawn anew, or are all of one value."""
    made = create_network(variant, out_channels=classes, **{"in_channels": 1, **arguments})
    if value is not None:
        made.load_state_dict({key: torch.full_like(one, value) for key, one in made.state_dict().items()})
    return made


def test_classes_are_found_by_their_names():
    assert class_rows(NEW, OLD) == {0: 0, 1: 2, 3: 1}
    assert class_rows(("a",), ("b",)) == {0: 0}


@pytest.mark.parametrize(("variant", "slices"), [("mobileunet_tiny", 1), ("mobileunet_fine", 3)])
def test_heads_get_the_rows_of_classes_of_the_same_name(variant: str, slices: int):
    other, own = network(variant, 3, out_slices=slices), network(variant, 4, 7.0, out_slices=slices)
    image = torch.rand(1, 1, 32, 32)
    reused = reuse_weights(own, other.state_dict(), NEW, OLD)
    with torch.no_grad():
        theirs, ours = other.eval()(image), own.eval()(image)
    assert torch.equal(ours[:, [0, 3, 1]], theirs), "the same scores for the classes that both have"
    assert not torch.isclose(ours[:, 2], theirs[:, 0]).any()
    head = sum(one.numel() for one in own.head.parameters())
    assert reused.pop("head") == (head * 3 // 4, head)
    assert all(count == total for count, total in reused.values())
    assert torch.equal(own.aux_heads[0].bias[:slices], other.aux_heads[0].bias[:slices])


@pytest.mark.parametrize(
    ("made", "anew", "partly"),
    [({"in_channels": 5}, ["encoder.stages.0"], ["head"]), ({"out_slices": 3}, ["head"], [])],
)
def test_what_does_not_fit_starts_anew(made: dict[str, Any], anew: list[str], partly: list[str]):
    own = network(classes=2, value=7.0, **made)
    reused = reuse_weights(own, network(value=1.0).state_dict(), ("one",), ("two", "three"))
    assert [part for part, (count, _) in reused.items() if not count] == anew
    assert [part for part, (count, total) in reused.items() if 0 < count < total] == partly
    stem = {float(value.float().mean()) for value in own.encoder.stages[0].state_dict().values()}
    assert stem == ({7.0} if "in_channels" in made else {1.0}), "a convolution with its normalisation"


def test_weights_that_are_in_place_are_recognised():
    other, own = network(), network(classes=5)
    assert not holds_weights(own, other.state_dict())
    reuse_weights(nn.DataParallel(own), other.state_dict(), ("a", "b", "c", "d"), ("e", "f"))
    assert holds_weights(own, other.state_dict())
    assert not holds_weights(own, {})


def test_a_training_loads_the_file_that_was_planned_with(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path, other, own = tmp_path / "start.pt", network(), network(classes=2)
    torch.save({"model": {f"module.{key}": value for key, value in other.state_dict().items()}}, path)
    start = {"path": str(path), "sha256": hash_file(path), "bundle": "hearts", "class_names": list(OLD)}
    with caplog.at_level(logging.INFO):
        load_starting_weights(own, ("scar",), start)
    assert holds_weights(own, other.state_dict())
    assert "starts from hearts: " in caplog.messages[0]
    assert "head starts anew in part" in caplog.messages[0]
    load_starting_weights(own, ("scar",), None)
    for broken, said in (
        ({**start, "sha256": "0" * 64}, "is not the file that was planned with"),
        ({**start, "path": str(tmp_path / "none.pt")}, "expected the weights of hearts"),
    ):
        with pytest.raises(SystemExit, match=f"{said}.*--starting_weights"):
            load_starting_weights(own, ("scar",), broken)
    with pytest.raises(SystemExit, match="no layer that fits"):
        load_starting_weights(nn.Conv2d(1, 1, 1), ("scar",), start)
