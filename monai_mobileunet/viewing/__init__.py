"""A page to look through a run, an evaluation or a data set, case by case, in a browser on this machine."""
