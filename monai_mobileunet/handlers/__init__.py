"""Handlers for ignite engines that MONAI lacks, and what is looked at before a training."""

from monai_mobileunet.handlers.before_training import check_checkpoint, check_parts, check_setup
from monai_mobileunet.handlers.bundle_metadata import BundleMetadata
from monai_mobileunet.handlers.checkpoint_loader import NetworkCheckpointLoader
from monai_mobileunet.handlers.checkpoint_saver import AtomicCheckpointSaver
from monai_mobileunet.handlers.epoch_validation import EpochValidationHandler
from monai_mobileunet.handlers.progress import CaseProgress, TrainingProgress
from monai_mobileunet.handlers.report import EvaluationReport, TrainingReport
from monai_mobileunet.handlers.several_processes import SharedStatistics, checkpoint_if_any
from monai_mobileunet.handlers.starting_weights import load_starting_weights
from monai_mobileunet.handlers.training_curve import TrainingCurve
from monai_mobileunet.handlers.words import EndsInWords

__all__ = [
    "AtomicCheckpointSaver",
    "BundleMetadata",
    "CaseProgress",
    "EndsInWords",
    "EpochValidationHandler",
    "EvaluationReport",
    "NetworkCheckpointLoader",
    "SharedStatistics",
    "TrainingCurve",
    "TrainingProgress",
    "TrainingReport",
    "check_checkpoint",
    "check_parts",
    "check_setup",
    "checkpoint_if_any",
    "load_starting_weights",
]
