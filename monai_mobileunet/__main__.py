"""``python -m monai_mobileunet``: the same as the command ``mobileunet``."""

from monai_mobileunet.cli import app

if __name__ == "__main__":
    app(prog_name="mobileunet")
