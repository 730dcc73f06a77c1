import logging
import subprocess
import sys
import warnings

from monai_mobileunet.data import VolumeReader
from monai_mobileunet.transforms import LoadImaged


def test_no_other_reader_is_there_and_none_says_anything(caplog):
    with warnings.catch_warnings(), caplog.at_level(logging.INFO):
        warnings.simplefilter("error")
        (reader,) = LoadImaged("image")._loader.readers
    assert isinstance(reader, VolumeReader)
    assert not caplog.records


def test_a_process_that_only_loads_says_nothing():
    code = "from monai_mobileunet.transforms import LoadImaged; LoadImaged('image')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert "nvImageCodec" not in done.stdout + done.stderr
    assert "Warning" not in done.stderr
