import pytest
import torch

from benchmarks.volume import measure_peak_memory, measure_volumes


@pytest.mark.slow
def test_memory_does_not_grow_with_the_scores_of_a_volume():
    """256×256×200 voxels: 50 MiB as floats, 12 as labels; three classes of scores would be 150 more."""
    memory = measure_peak_memory("torch", (256, 256, 200))
    assert 50 * 2**20 < memory.before < memory.peak
    assert memory.peak - memory.before < 110 * 2**20


def test_a_volume_is_timed_three_ways():
    calls = {("net", "torch"): lambda batch: torch.cat([batch, -batch, batch], dim=1)}
    (timing,) = measure_volumes(calls, shape=(32, 24, 6), turns=2)
    assert timing.overhead == timing.ours.median / timing.bare.median
    assert timing.monai.median > 0


@pytest.mark.slow
def test_an_unknown_runtime_fails():
    with pytest.raises(Exception, match="returned non-zero"):
        measure_peak_memory("nonsense", (8, 8, 8))
