"""Handlers for ignite engines that MONAI lacks."""

from monai_mobileunet.handlers.checkpoint_loader import NetworkCheckpointLoader
from monai_mobileunet.handlers.checkpoint_saver import AtomicCheckpointSaver
from monai_mobileunet.handlers.epoch_validation import EpochValidationHandler
from monai_mobileunet.handlers.training_curve import TrainingCurve

__all__ = ["AtomicCheckpointSaver", "EpochValidationHandler", "NetworkCheckpointLoader", "TrainingCurve"]
