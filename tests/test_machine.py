from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from monai_mobileunet import machine
from monai_mobileunet.machine import OF_THE_USER

GLIBC = platform.libc_ver()[0] == "glibc"

STEPS = """
import resource, sys
from monai_mobileunet.machine import keep_freed_memory
print(keep_freed_memory() if sys.argv[1] == "kept" else None)
def step():
    return sum(len(block) for block in [bytearray(24 << 20) for _ in range(8)])
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def answer_and_page_faults(memory: str, **variables: str) -> tuple[str, int]:
    own = {name: value for name, value in os.environ.items() if name not in OF_THE_USER}
    command = [sys.executable, "-c", STEPS, memory]
    done = subprocess.run(command, env=own | variables, capture_output=True, text=True, check=True)
    answer, faults = done.stdout.split()
    return answer, int(faults)


@pytest.mark.skipif(not GLIBC, reason="only glibc can be told to keep freed memory")
def test_freed_memory_is_kept_for_the_next_step():
    _, faults = answer_and_page_faults("as ever")
    answer, fewer = answer_and_page_faults("kept")
    assert answer == "True"
    assert fewer < 0.01 * faults


@pytest.mark.skipif(not GLIBC, reason="only glibc can be told to keep freed memory")
@pytest.mark.parametrize("variables", [{"MALLOC_TRIM_THRESHOLD_": "0"}, {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}])
def test_what_the_user_sets_is_respected(variables: dict[str, str]):
    assert answer_and_page_faults("kept", **variables)[0] == "False"


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(machine.ctypes, "CDLL", None)
    assert machine.keep_freed_memory() is False
