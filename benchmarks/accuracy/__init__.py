"""Accuracy against other networks: each trained by a bundle's recipe, on the same cases, as long as the others."""

from benchmarks.accuracy.comparison import AccuracyRow, compare_networks

__all__ = ["AccuracyRow", "compare_networks"]
