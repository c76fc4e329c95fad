"""Harness side: one Python environment per framework and release, built from what pyproject.toml asks for."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from suite.adapters import FRAMEWORKS, ORACLE
from suite.workers.errors import EnvironmentMissing, NotInstalled
from suite.workers.releases import PROJECT, Release, requirements

STAMP = "rmsuite.json"


@dataclass(frozen=True)
class Environment:
    """Where a framework's interpreter is, or would be.

    Attributes:
        framework: its name.
        python: the interpreter.
        named: whether the user named it; such a one is never built.
        version: of the framework; None for the one that pyproject.toml pins.
    """

    framework: str
    python: Path
    named: bool = False
    version: str | None = None

    @property
    def release(self) -> Release:
        """What is in it, unless the user named it."""
        return Release(self.framework, self.version)

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
        return self.exists and stamp.is_file() and stamp.read_text("utf-8") == _stamp(self.release)


def environments(
    named: Mapping[str, Path], folder: Path | None = None, releases: Iterable[Release] = ()
) -> dict[str, Environment]:
    """The environments of every framework and of other releases, by name: those that the user named, else those in
    nox's folder; of the oracle: ours.

    Args:
        named: name -> interpreter.
        folder: in place of nox's.
        releases: of which there is to be one, besides those that pyproject.toml pins.
    """  # noqa: D205
    every = dict.fromkeys([*(Release(name) for name in FRAMEWORKS), *releases])
    found = {release.name: environment(release, folder) for release in every}
    found[ORACLE] = Environment(ORACLE, Path(sys.executable), named=True)
    for name, path in named.items():
        release = Release.parse(name)
        found[name] = Environment(release.framework, path, named=True, version=release.version)
    return found


def environment(release: Release, folder: Path | None = None) -> Environment:
    """The environment of a release, in nox's folder or another."""
    folder = PROJECT / ".nox" if folder is None else folder
    inside = Path("Scripts/python.exe") if os.name == "nt" else Path("bin/python")
    return Environment(release.framework, folder / release.folder / inside, version=release.version)


def require(environment: Environment) -> Path:
    """Its interpreter.

    Raises:
        EnvironmentMissing: if there is none.
    """
    if not environment.exists:
        raise EnvironmentMissing(f"no environment for {environment.release.name}: {environment.python} does not exist")
    return environment.python


def build(environment: Environment, say: Callable[[str], None]) -> None:
    """Make the environment what pyproject.toml asks for; nothing is done if it is that already.

    Raises:
        EnvironmentMissing: if its requirements can't be had.
    """
    name = environment.release.name
    if environment.named or environment.fresh():
        say(f"{name}: {environment.python} is ready")
        return
    wanted = requirements(environment.release)
    say(f"{name}: installing {', '.join(wanted)} into {environment.folder}")
    (environment.folder / STAMP).unlink(missing_ok=True)
    new = not environment.exists
    if new:
        venv.create(environment.folder, with_pip=True)
    command = [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *wanted]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if new:
            shutil.rmtree(environment.folder)  # or it would look like an environment that is out of date
        raise NotInstalled(f"{name} can't be installed: {_error(done.stderr)}")
    (environment.folder / STAMP).write_text(_stamp(environment.release), "utf-8")


def _error(said: str) -> str:
    """What pip says went wrong: its first error, which names what is missing or at odds; else its last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it did not say why"]
    return next((line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")), lines[-1])


def _stamp(release: Release) -> str:
    wanted = sorted(requirements(release))
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    return json.dumps({"requirements": wanted, "sha256": digest})
