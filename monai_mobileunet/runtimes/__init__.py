"""What executes a network: torch, ONNX Runtime or OpenVINO, behind one callable. Knows nothing of bundles."""

from monai_mobileunet.runtimes.base import Runtime
from monai_mobileunet.runtimes.inferer import RuntimeInferer
from monai_mobileunet.runtimes.table import RUNTIMES, create_runtime

__all__ = ["RUNTIMES", "Runtime", "RuntimeInferer", "create_runtime"]
