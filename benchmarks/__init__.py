"""Speed and memory, measured against other networks in the same run on the same machine."""

from benchmarks.suite import run_benchmarks

__all__ = ["run_benchmarks"]
