"""Who may work in a folder beside whom; processes that were killed are in nobody's way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from monai_mobileunet.cohort import presence
from monai_mobileunet.cohort.presence import RUNS, Claim, Presence
from monai_mobileunet.data import DataError
from monai_mobileunet.data.search.bids import participant_folders

FIRST, SECOND = (Claim("settings in 5 parts", (f"part {number} of 5",)) for number in (1, 2))

HOLD = """
import sys
from pathlib import Path
from monai_mobileunet.cohort.presence import Claim, Presence
held = Presence(Path(sys.argv[1]), Claim(sys.argv[2], tuple(sys.argv[3:])))
print("here", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "PATIENCE", 0.0)


def test_parts_of_one_run_share_a_folder(tmp_path: Path):
    one = Presence(tmp_path, FIRST)
    two = Presence(tmp_path, SECOND)
    with pytest.raises(DataError, match=r"another process segments part 2 of 5 already: process \d+ on .* once"):
        Presence(tmp_path, SECOND)
    for other in (Claim(), Claim("other settings in 5 parts", ("part 3 of 5",))):
        with pytest.raises(DataError, match=r"another run writes to this folder: process \d+ on "):
            Presence(tmp_path, other)
    one.end()
    two.end()
    assert not list((tmp_path / RUNS).iterdir())


@pytest.mark.parametrize(
    ("here", "other", "shared"),
    [(["01"], ["sub-01"], "sub-01"), (["02, sub-01"], ["03", "02"], "sub-02"), (["01"], ["02", "03"], "")],
)
def test_a_participant_is_segmented_by_one_process_however_it_is_named(tmp_path: Path, here, other, shared: str):
    first = Presence(tmp_path, Claim("settings", participant_folders(here)))
    newcomer = Claim("settings", participant_folders(other))
    if shared:
        with pytest.raises(DataError, match=f"another process segments {shared} already"):
            Presence(tmp_path, newcomer)
    else:
        Presence(tmp_path, newcomer).end()
    first.end()


def test_a_run_that_has_a_folder_to_itself_lets_no_part_in(tmp_path: Path):
    whole = Presence(tmp_path, Claim())
    for other in (FIRST, Claim()):
        with pytest.raises(DataError, match="another run writes to this folder"):
            Presence(tmp_path, other)
    whole.end()
    Presence(tmp_path, FIRST).end()


def test_a_killed_process_is_in_nobody_s_way(tmp_path: Path):
    command = [sys.executable, "-W", "ignore", "-c", HOLD, str(tmp_path), FIRST.run, *FIRST.items]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "here\n"
    with pytest.raises(DataError, match=f"process {other.pid} on "):
        Presence(tmp_path, FIRST)
    other.kill()
    other.communicate()
    again = Presence(tmp_path, FIRST)
    assert len(list((tmp_path / RUNS).glob("*.json"))) == 1, "what it left is gone"
    again.end()


def test_a_note_that_is_being_written_is_left_alone(tmp_path: Path):
    """As many parts of an array job start within a second."""
    growing = tmp_path / RUNS / ".123-0a1b.json"
    growing.parent.mkdir()
    growing.write_text("{")
    Presence(tmp_path, FIRST).end()
    assert growing.is_file()
