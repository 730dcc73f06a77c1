"""Garbage collection rests while a command imports MONAI, in a real process, and goes on afterwards."""

import gc
import subprocess
import sys

import pytest

from monai_mobileunet.importing import uncollected

SCRIPT = """
import gc
from monai_mobileunet.importing import uncollected
try:
    with uncollected():
        assert not gc.isenabled()
        {imported}
finally:
    assert gc.isenabled()
    print(gc.get_freeze_count() > 0)
"""


@pytest.mark.parametrize(("imported", "frozen"), [("import json", "True"), ("import no_such_module", "False")])
def test_what_was_imported_is_looked_at_no_more(imported: str, frozen: str):
    script = SCRIPT.format(imported=imported)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == frozen, done.stderr
    assert (done.returncode == 0) == (frozen == "True")


def test_where_monai_is_there_nothing_changes():
    assert "monai" in sys.modules  # conftest.py has imported it
    with uncollected():
        assert gc.isenabled()
    assert gc.get_freeze_count() == 0
