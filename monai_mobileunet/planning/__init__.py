"""Bundles out of plans: what was decided for a task and why, and the files that follow from it."""

from monai_mobileunet.planning.bundle_files import bundle_files, write_bundle_files
from monai_mobileunet.planning.plan import Decision, Plan, Setting
from monai_mobileunet.planning.planner import apply_plan, plan_dataset, write_bundle

__all__ = [
    "Decision",
    "Plan",
    "Setting",
    "apply_plan",
    "bundle_files",
    "plan_dataset",
    "write_bundle",
    "write_bundle_files",
]
