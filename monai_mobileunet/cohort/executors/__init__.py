"""Where the cases of a run are segmented: in this process, in several, or on a cluster."""
