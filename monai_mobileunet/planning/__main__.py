"""``python -m monai_mobileunet.planning BUNDLE …``: generate the files of bundles from their ``plan.json``."""

import sys
from pathlib import Path

from monai_mobileunet.planning.bundle_files import write_bundle_files

if __name__ == "__main__":
    for bundle in map(Path, sys.argv[1:]):
        for path in write_bundle_files(bundle):
            print(f"{path}: written")
