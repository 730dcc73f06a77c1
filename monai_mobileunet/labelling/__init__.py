"""MONAI Label with bundles as its models: the server's environment, its app, and the server itself."""

from monai_mobileunet.labelling.app_folder import prepare_app
from monai_mobileunet.labelling.environment import ServerEnvironment, default_environment
from monai_mobileunet.labelling.server import LabelServer, ServerError
from monai_mobileunet.labelling.studies import check_studies

__all__ = ["LabelServer", "ServerEnvironment", "ServerError", "check_studies", "default_environment", "prepare_app"]
