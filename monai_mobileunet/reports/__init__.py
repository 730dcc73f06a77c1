"""What people look at: pages, tables and pictures of runs and of evaluations."""
