"""What a wheel installs, in a folder; and pytest beside it, for environments that have none."""

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
PYTEST = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")  # of nothing but Python
BARE = ("numpy", "numpy.libs", "safetensors", "packaging")


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """A copy of what a wheel is built from: what an earlier build left behind can't get into it."""
    folder = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def wheel(source, tmp_path_factory):
    """The wheel's file."""
    folder = tmp_path_factory.mktemp("wheel")
    version = int(importlib.metadata.version("setuptools").partition(".")[0])
    here = ["--no-build-isolation"] if version >= 77 else []  # else pip fetches it
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *here, "--wheel-dir", folder, source]
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


def links(folder, names):
    """A folder with links to packages of this environment, and to no others."""
    for name in names:
        spec = importlib.util.find_spec(name) if "." not in name else None
        place = Path(spec.origin).parent if spec else Path(importlib.util.find_spec("numpy").origin).parents[1] / name
        if place.name == name:
            (folder / name).symlink_to(place)
        elif place.exists():
            (folder / f"{name}.py").symlink_to(Path(spec.origin))
    return folder


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """NumPy, safetensors and packaging."""
    return links(tmp_path_factory.mktemp("bare"), BARE)


class Ran(NamedTuple):
    """What a process left."""

    status: int
    output: str
    errors: str

    @property
    def counts(self):
        """Of pytest's last line: `passed` -> how many."""
        last = self.output.strip().splitlines()[-1]
        return {word: int(count) for count, word in re.findall(r"(\d+) (\w+)", last)}


@pytest.fixture(scope="session")
def user(site, tmp_path_factory):
    """Runs a Python as a user would who has installed the wheel there."""
    beside = links(tmp_path_factory.mktemp("pytest"), PYTEST)

    def run(*arguments, cwd, python=sys.executable, path=(site, beside), **variables):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
        environment |= {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1", **variables}
        done = subprocess.run(
            [python, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def users_pytest(user):
    """Runs pytest as a user would."""

    def run(*arguments, cwd, **more):
        return user("-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", *arguments, cwd=cwd, **more)

    return run
