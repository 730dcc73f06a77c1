"""What runs inside MONAI Label's server, in its own environment: nothing else may import from here."""
