"""Whole runs in processes of their own, with a quick stand-in for the network; all else is what a user runs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conftest import ONE_THREAD

RUN = """
import resource
import sys
import torch
resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, resource.getrlimit(resource.RLIMIT_DATA)[1]))
from monai_mobileunet.cli import app
from monai_mobileunet.segmentation.segmenter import Segmenter
Segmenter.predict = lambda self, prepared: torch.zeros_like(prepared.case["image"][:1])
try:
    app(sys.argv[1:])
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        code: of the exit; negative for a signal.
        text: all that it printed.
        report: what ``report.json`` holds.
        peak: KiB of memory.
    """

    code: int
    text: str
    report: dict[str, Any]
    peak: int

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.report.get("cases", [])


def run_folder(
    bundle: Path, source: Path, out: Path, *arguments: object, timeout: float = 300, **environment: str
) -> Ended:
    """``mobileunet segment`` over a folder."""
    options = ["segment", "-i", source, "-o", out, "-m", bundle, "--threads", "1", *arguments]
    command = [sys.executable, "-W", "ignore", "-c", RUN, *map(str, options)]
    done = subprocess.run(command, env={**ONE_THREAD, **environment}, capture_output=True, timeout=timeout)
    text = (done.stdout + done.stderr).decode(errors="backslashreplace")
    peaks = [int(line.split()[1]) for line in text.splitlines() if line.startswith("peak ")]
    file = out / "report.json"
    report = json.loads(file.read_text()) if file.is_file() else {}
    return Ended(done.returncode, text, report, peaks[-1] if peaks else 0)
