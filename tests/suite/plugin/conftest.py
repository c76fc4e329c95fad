"""The wheel, unpacked into a folder, and processes that run it as a user does."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ("reference", "suite", "reports", "setup.py", "pyproject.toml", "README.md", "LICENSE")
PYTEST = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")  # pure Python
REQUIRED = ("numpy", "numpy.libs", "safetensors", "packaging")


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """A copy of the sources of the wheel, without the output of earlier builds."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def wheel(source, tmp_path_factory):
    """The path of the wheel, which is built once."""
    folder = tmp_path_factory.mktemp("wheel")
    version = int(importlib.metadata.version("setuptools").partition(".")[0])
    options = ["--no-build-isolation"] if version >= 77 else []  # pip downloads setuptools if the installed one is old
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *options, "--wheel-dir", folder, source]
    subprocess.run(command, check=True, timeout=120)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="session")
def site(wheel, tmp_path_factory):
    """The folder into which the wheel is unpacked."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def link_packages(folder, names):
    """Link packages of this environment into a folder; return the folder."""
    for name in names:
        spec = importlib.util.find_spec(name) if "." not in name else None
        path = Path(spec.origin).parent if spec else Path(importlib.util.find_spec("numpy").origin).parents[1] / name
        if path.name == name:
            (folder / name).symlink_to(path)
        elif path.exists():
            (folder / f"{name}.py").symlink_to(Path(spec.origin))
    return folder


@pytest.fixture(scope="session")
def required_packages(tmp_path_factory):
    """A folder with the packages that the wheel requires: NumPy, safetensors and packaging."""
    return link_packages(tmp_path_factory.mktemp("required"), REQUIRED)


class FinishedProcess(NamedTuple):
    """The exit status and the output of a process."""

    status: int
    output: str
    errors: str

    @property
    def counts(self):
        """Outcome -> number of tests, from the last line of pytest's output."""
        summary = self.output.strip().splitlines()[-1]
        return {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", summary)}


@pytest.fixture(scope="session")
def user(site, tmp_path_factory):
    """A function that runs Python with the wheel and pytest on its path, but without this environment's variables."""
    pytest_folder = link_packages(tmp_path_factory.mktemp("pytest"), PYTEST)

    def run(*arguments, cwd, python=sys.executable, path=(site, pytest_folder), **variables):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
        environment |= {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1", **variables}
        process = subprocess.run(
            [python, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
        )
        return FinishedProcess(process.returncode, process.stdout, process.stderr)

    return run


@pytest.fixture(scope="session")
def users_pytest(user):
    """A function that runs pytest with the wheel installed."""

    def run(*arguments, cwd, **variables):
        return user("-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", *arguments, cwd=cwd, **variables)

    return run
