"""Tests of monai_mobileunet.networks; contract.py has what every network variant has to keep."""

import pytest

pytest.register_assert_rewrite(f"{__name__}.contract")
