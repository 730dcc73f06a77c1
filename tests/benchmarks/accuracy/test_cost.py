from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.accuracy.cost import volume_macs
from monai_mobileunet.bundle import Bundle


@pytest.mark.parametrize("changes", [{}, {"out_step": 5, "mirror_axes": []}, {"slice_inferer#roi_size": [16, 16]}])
def test_macs_are_those_counted_while_a_volume_is_segmented(bundle_copy: Path, toy_dataset: Path, changes):
    bundle = Bundle(bundle_copy, device="cpu", **changes)
    network = bundle.parser.get_parsed_content("network").eval()
    image = sorted((toy_dataset / "imagesTr").iterdir())[0]
    volume = bundle.preprocessing({"image": str(image)})["image"]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        bundle.slice_inferer(torch.as_tensor(volume)[None], network)
    assert volume_macs(bundle, network, [image, image]) == [counter.get_total_flops() // 2] * 2
