"""Bundles as folders: what one holds, whether it agrees with itself, and the weights of its network."""

from monai_mobileunet.bundle.bundle import Bundle, check_running_bundle, running_bundle_root, samples_dropout

__all__ = ["Bundle", "check_running_bundle", "running_bundle_root", "samples_dropout"]
