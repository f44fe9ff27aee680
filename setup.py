"""Puts the workflow's own files into the wheel, where `encens init` takes them from; else pyproject.toml."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "workflow"))

from encoded_ensembles.config.starter import PARTS  # noqa: E402


class BuildWithWorkflow(build_py):
    """Copies them beside the modules, but for an editable install, which has the clone's."""

    def run(self) -> None:
        """Build."""
        super().run()
        if self.editable_mode:
            return
        starter = Path(self.build_lib) / "encoded_ensembles" / "starter"
        shutil.rmtree(starter, ignore_errors=True)
        for part in PARTS:
            copy = starter / part
            copy.parent.mkdir(parents=True, exist_ok=True)
            if (HERE / part).is_dir():
                shutil.copytree(HERE / part, copy)
            else:
                shutil.copy(HERE / part, copy)


setup(cmdclass={"build_py": BuildWithWorkflow})
