"""A cohort in parts that are started separately: which part a process has, its cases, and a script for a cluster."""
