import time

from benchmarks.timing import Timing, interleave


def test_calls_take_turns_and_each_turn_begins_with_one_that_is_not_counted():
    called = []
    calls = {name: lambda name=name: (called.append(name), time.sleep(0.01)) for name in "ab"}
    timings = interleave(calls, turns=3, turn_seconds=0.02)
    assert called[:6] == [*"aaa", *"bbb"], "two to warm up, one to see how long it takes"
    turns = [name for name, before in zip(called[6:], [None, *called[6:]], strict=False) if name != before]
    assert turns == list("ababab")
    assert all(0.01 <= timing.fastest <= timing.median <= timing.slowest for timing in timings.values())


def test_slow_calls_have_three_turns():
    called = []
    interleave({"slow": lambda: (called.append(1), time.sleep(0.02))}, turns=7, turn_seconds=0.01, slow_seconds=0.01)
    assert len(called) == 2 + 3, "and no uncounted call in them"


def test_spread():
    assert Timing.of([3.0, 1.0, 2.0]) == Timing(2.0, 1.0, 3.0)
