"""Harness side: one Python environment per framework, built from the dependency groups of pyproject.toml."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import tomllib
from dependency_groups import resolve

from suite.adapters import FRAMEWORKS, ORACLE
from suite.runner.errors import EnvironmentMissing

PROJECT = Path(__file__).resolve().parents[2]
STAMP = "rmsuite.json"


@dataclass(frozen=True)
class Environment:
    """Where a framework's interpreter is, or would be.

    Attributes:
        framework: its name.
        python: the interpreter.
        named: whether the user named it; such a one is never built.
    """

    framework: str
    python: Path
    named: bool = False

    @property
    def folder(self) -> Path:
        """Of the environment."""
        return self.python.parents[1]

    @property
    def exists(self) -> bool:
        """Whether there is an interpreter."""
        return self.python.exists()

    @property
    def state(self) -> str:
        """`missing`, `out of date` or `ready`."""
        if not self.exists:
            return "missing"
        return "ready" if self.named or self.fresh() else "out of date"

    def fresh(self) -> bool:
        """Whether it was built, to the end, from the requirements that stand in pyproject.toml now."""
        stamp = self.folder / STAMP
        return self.exists and stamp.is_file() and stamp.read_text("utf-8") == _stamp(self.framework)


def environments(named: Mapping[str, Path], folder: Path | None = None) -> dict[str, Environment]:
    """The environment of every framework: that the user named, else that in nox's folder; of the oracle: ours."""
    folder = PROJECT / ".nox" if folder is None else folder
    inside = Path("Scripts/python.exe") if os.name == "nt" else Path("bin/python")
    found = {name: Environment(name, folder / name / inside) for name in FRAMEWORKS}
    found[ORACLE] = Environment(ORACLE, Path(sys.executable), named=True)
    found.update({name: Environment(name, path, named=True) for name, path in named.items()})
    return found


def require(environment: Environment) -> Path:
    """Its interpreter.

    Raises:
        EnvironmentMissing: if there is none.
    """
    if not environment.exists:
        raise EnvironmentMissing(f"no environment for {environment.framework}: {environment.python} does not exist")
    return environment.python


def build(environment: Environment, say: Callable[[str], None]) -> None:
    """Make the environment what pyproject.toml asks for; nothing is done if it is that already.

    Raises:
        EnvironmentMissing: if its requirements can't be had.
    """
    if environment.named or environment.fresh():
        say(f"{environment.framework}: {environment.python} is ready")
        return
    wanted = requirements(environment.framework)
    say(f"{environment.framework}: installing {', '.join(wanted)} into {environment.folder}")
    (environment.folder / STAMP).unlink(missing_ok=True)
    if not environment.exists:
        venv.create(environment.folder, with_pip=True)
    command = [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *wanted]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise EnvironmentMissing(f"pip could not install {', '.join(wanted)} for {environment.framework} (see above)")
    (environment.folder / STAMP).write_text(_stamp(environment.framework), "utf-8")


def requirements(framework: str) -> tuple[str, ...]:
    """What the environment of a framework holds: its dependency group.

    Raises:
        EnvironmentMissing: if there is no pyproject.toml to read, as in an installed copy.
    """
    project = PROJECT / "pyproject.toml"
    if not project.is_file():
        raise EnvironmentMissing(f"the requirements of {framework} stand in pyproject.toml, which only a checkout has")
    groups = tomllib.loads(project.read_text("utf-8"))["dependency-groups"]
    return tuple(resolve(groups, framework))


def _stamp(framework: str) -> str:
    wanted = sorted(requirements(framework))
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    return json.dumps({"requirements": wanted, "sha256": digest})
