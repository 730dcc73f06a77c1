"""What a runtime lacks is told before the first case, in one sentence, by a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from monai_mobileunet.runtimes import create_runtime
from monai_mobileunet.runtimes.torch_runtime import check_device


@pytest.mark.parametrize("missing", ["working compiler", "openvino"])
def test_a_run_ends_before_the_first_case(trained: Path, toy_dataset: Path, tmp_path: Path, missing: str):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if missing == "working compiler":
        environment["PATH"] = str(tmp_path)
        environment["CXX"] = str(tmp_path / "g++")
    else:  # a package that is found and cannot be imported
        (tmp_path / missing).mkdir()
        (tmp_path / missing / "__init__.py").write_text("raise ImportError('libtbb.so.12: cannot open shared object')")
        environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), environment.get("PYTHONPATH", "")])
    runtime = "torch_compile" if "compiler" in missing else missing
    command = [sys.executable, "-W", "ignore", "-m", "monai_mobileunet", "segment", "-i", toy_dataset / "imagesTr"]
    command += ["-o", tmp_path / "out", "-m", trained, "--runtime", runtime, "--device", "cpu"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 2, done.stdout + done.stderr
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("error: ")]
    assert ("apt install g++" if "compiler" in missing else "libtbb") in told
    assert "runtime 'torch'" in told
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()


def test_a_network_that_cannot_be_converted_is_an_error_with_the_remedy():
    pytest.importorskip("onnxscript")

    class Dynamic(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) if x.sum().item() > 0 else x

    with pytest.raises(ValueError, match=r"runtime 'onnxruntime' cannot be made from Dynamic \(.*Choose the runtime"):
        create_runtime("onnxruntime", Dynamic(3, 3, 1).eval())


def test_devices():
    check_device("cpu")
    with pytest.raises(ValueError, match=r"device cuda:77: cannot be used \(.*Use cpu"):
        check_device("cuda:77")
