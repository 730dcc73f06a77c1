import pytest
import torch


@pytest.fixture
def no_grad():
    """As in inference, and the same random numbers for every test."""
    torch.manual_seed(0)
    with torch.no_grad():
        yield
