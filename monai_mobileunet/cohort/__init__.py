"""Many cases: planned, carried out by a run that survives its end, checked, and compared with references."""
