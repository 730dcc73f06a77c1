from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from benchmarks.goals import check_goals
from benchmarks.latency import EAGER, Latency
from benchmarks.machine import Machine, Roofline
from benchmarks.networks import BASELINE, DEFAULT, MONAI_UNET
from benchmarks.report import draw_pareto, print_report
from benchmarks.suite import Results
from benchmarks.timing import Timing
from benchmarks.volume import PeakMemory, VolumeTiming

SECONDS = {
    (DEFAULT, EAGER): 20,
    (DEFAULT, "torch"): 8,
    (DEFAULT, "onnxruntime"): 5,
    (DEFAULT, "openvino"): 4,
    (DEFAULT, "openvino_int8"): 2,
    (MONAI_UNET, EAGER): 15,
    (MONAI_UNET, "onnxruntime"): 30,
    (MONAI_UNET, "openvino"): 6,
    (BASELINE, EAGER): 80,
    (BASELINE, "onnxruntime"): 39,
    (BASELINE, "openvino"): 36,
}


@pytest.fixture
def results() -> Results:
    def timing(seconds: float) -> Timing:
        return Timing(seconds, 0.9 * seconds, 1.2 * seconds)

    latencies = [Latency(*key, 1, 256, 10**9, timing(value), 0.5) for key, value in SECONDS.items()]
    return Results(
        Machine("a processor", 2, 2, (), "3.11", {"torch": "2.13.0"}),
        Roofline(2e11, 2e12, 2e10),
        {},
        latencies,
        [VolumeTiming(DEFAULT, "openvino", 100, timing(10), timing(12), timing(30))],
        [PeakMemory("torch", (512, 512, 1000), 2**30, 4 * 2**30, 10.0)],
    )


def test_promises_are_ratios_in_the_fastest_float32_runtime(results):
    goals = {goal.text.split(": ")[-1]: goal for goal in check_goals(results)}
    measured = {text: (round(goal.value, 3), goal.met) for text, goal in goals.items()}
    assert measured == {
        "faster than mobilenetv2_unet, both in openvino": (9.0, True),
        "faster than MONAI UNet, both in openvino": (1.5, False),
        "in openvino, faster than mobilenetv2_unet in eager torch": (20.0, True),
        "int8 faster than openvino": (2.0, True),
        "torch alone slower than openvino": (2.0, True),
        "a volume, array in and mask out, over its bare network (openvino)": (1.2, True),
        "peak memory of 512×512×1000, GiB (torch)": (4.0, False),
    }


def test_the_report_says_what_was_missed(results):
    console = Console(width=200, record=True)
    print_report(results, console)
    text = console.export_text()
    assert "a processor" in text
    assert text.count("missed") == 2
    assert "80.0×" not in text.split("openvino_int8")[0]


def test_a_picture_of_time_against_cost(results, tmp_path: Path):
    draw_pareto(results, tmp_path / "pareto.png")
    with Image.open(tmp_path / "pareto.png") as picture:
        assert picture.width > 500


def test_time_is_drawn_against_dice_where_it_is_known(results, tmp_path: Path):
    draw_pareto(results, tmp_path / "alone.png")
    draw_pareto(results, tmp_path / "both.png", {DEFAULT: 0.85, MONAI_UNET: 0.83, "unknown": 0.1})
    widths = []
    for name in ("alone", "both"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            widths.append(picture.width)
    assert widths[1] > 1.8 * widths[0]


def test_results_are_json(results):
    import json

    content = json.loads(json.dumps(results.as_dict()))
    assert content["volumes"][0]["overhead"] == 1.2
    assert len(content["latencies"]) == len(SECONDS)


def test_the_roofline_is_the_larger_of_arithmetic_and_traffic():
    roofline = Roofline(flops=2e11, flops_bf16=2e12, bandwidth=2e10)
    assert roofline.floor(macs=1e9, traffic=0) == 0.01
    assert roofline.floor(macs=1e9, traffic=0, bfloat16=True) == 0.001
    assert roofline.floor(macs=1e9, traffic=1e9) == 0.05
