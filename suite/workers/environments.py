"""One Python environment for each release of a framework, built from the requirements in pyproject.toml.

A framework's dependency group pins the release that is used by default. The environment of another release has the
group's requirements with that release's version in place of the pinned one, and those of `[tool.rmsuite.replacements]`
for old releases. `[tool.rmsuite]` also lists the releases that `rmsuite regress` compares by default.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import tomllib
from dependency_groups import resolve
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from suite.adapters import FRAMEWORKS, ORACLE
from suite.errors import UserError
from suite.workers.protocol import WorkerError

PROJECT = Path(__file__).resolve().parents[2]
STAMP = "rmsuite.json"
"""The file in an environment that records the requirements from which it was built."""


class EnvironmentMissing(WorkerError, UserError):
    """There is no environment for a framework, so its rows are missing, or a command that needs it fails."""

    hint = "build it with `rmsuite envs --build`, or name one with --python FRAMEWORK=PATH"


class NotInstalled(EnvironmentMissing):
    """The requirements of an environment are not in the package index, or can't be installed."""

    hint = ""


@dataclass(frozen=True, order=True)
class Release:
    """A release of a framework."""

    framework: str
    version: str | None = None  # normalized; None for the release that pyproject.toml pins

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `tensorflow==2.15.1`, or `tensorflow` for the release that is pinned.

        Raises:
            UserError: if it is neither, or there is no such framework.
            EnvironmentMissing: if it has a version and there is no pyproject.toml to read.
        """
        framework, equals, number = (part.strip() for part in text.partition("=="))
        if framework not in FRAMEWORKS:
            raise UserError(f"no framework {framework!r}; there are {', '.join(FRAMEWORKS)}, or releases: mxnet==1.9.1")
        if not equals:
            return cls(framework)
        try:
            version = str(Version(number))
        except InvalidVersion:
            raise UserError(f"{number!r} is not a version; name a release in the form mxnet==1.9.1") from None
        return cls(framework, None if version == pinned_version(framework) else version)

    @property
    def name(self) -> str:
        """The text from which it is parsed."""
        return self.framework if self.version is None else f"{self.framework}=={self.version}"

    @property
    def full_name(self) -> str:
        """The name with the version, also for the pinned release."""
        return f"{self.framework}=={self.version or pinned_version(self.framework)}"


@dataclass(frozen=True)
class Environment:
    """The interpreter of a framework, whether it exists or not."""

    release: Release
    python: Path
    user_supplied: bool = False  # such an environment is never built

    @property
    def folder(self) -> Path:
        """The environment's folder."""
        return self.python.parents[1]

    @property
    def exists(self) -> bool:
        """Whether the interpreter exists."""
        return self.python.exists()

    @property
    def state(self) -> str:
        """`missing`, `out of date` or `ready`: built completely, from the requirements that pyproject.toml has now."""
        if not self.exists:
            return "missing"
        stamp = self.folder / STAMP
        current = self.user_supplied or (stamp.is_file() and stamp.read_text("utf-8") == _stamp(self.release))
        return "ready" if current else "out of date"

    def require(self) -> Path:
        """Return the interpreter, or raise EnvironmentMissing."""
        if not self.exists:
            raise EnvironmentMissing(f"no environment for {self.release.name}: {self.python} does not exist")
        return self.python


def environments(
    user_supplied: Mapping[str, Path], folder: Path | None = None, releases: Iterable[Release] = ()
) -> dict[str, Environment]:
    """Return the environments of the oracle, of every framework, and of other releases, by name.

    `user_supplied` maps frameworks or releases to interpreters. The others are in nox's folder, or in the one that is
    given; the oracle's is our own.
    """
    every = dict.fromkeys([*(Release(name) for name in FRAMEWORKS), *releases])
    found = {release.name: environment(release, folder) for release in every}
    found[ORACLE] = Environment(Release(ORACLE), Path(sys.executable), user_supplied=True)
    given = {name: Environment(Release.parse(name), path, user_supplied=True) for name, path in user_supplied.items()}
    return {**found, **given}


def environment(release: Release, folder: Path | None = None) -> Environment:
    """Return the environment of a release, in nox's folder or another."""
    folder = PROJECT / ".nox" if folder is None else folder
    interpreter = Path("Scripts/python.exe") if os.name == "nt" else Path("bin/python")
    return Environment(release, folder / release.name.replace("==", "-") / interpreter)


def build(environment: Environment, say: Callable[[str], None]) -> None:
    """Create an environment or bring it up to date, unless the user supplied it; `say` gets progress messages.

    Raises EnvironmentMissing if its requirements are not known or can't be installed.
    """
    name = environment.release.name
    if environment.user_supplied or environment.state == "ready":
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
        raise NotInstalled(f"{name} can't be installed: {_pip_error(done.stderr)}")
    (environment.folder / STAMP).write_text(_stamp(environment.release), "utf-8")


def build_all(wanted: Iterable[Environment], say: Callable[[str], None]) -> dict[str, str]:
    """Build environments; return why some can't be built, by the name of the release."""
    missing = {}
    for one in wanted:
        try:
            build(one, say)
        except EnvironmentMissing as error:  # noqa: PERF203  (an environment takes minutes)
            say(f"{one.release.name} is left out: {error}")
            missing[one.release.name] = str(error)
    return missing


def requirements(release: Release) -> tuple[str, ...]:
    """Return the requirements of a release's environment; those of a framework's group if no version is given.

    Raises:
        EnvironmentMissing: if there is no pyproject.toml to read, as in an installed copy.
    """
    group = tuple(resolve(_project()["dependency-groups"], release.framework))
    if release.version is None:
        return group
    first, *others = group
    by_versions: Mapping[str, Sequence[str]] = _project()["tool"]["rmsuite"]["replacements"].get(release.framework, {})
    added = [
        requirement
        for versions, replacements in by_versions.items()
        if SpecifierSet(versions).contains(release.version, prereleases=True)
        for requirement in replacements
    ]
    replaced = {Requirement(one).name for one in added}
    kept = [one for one in others if Requirement(one).name not in replaced]
    return (f"{Requirement(first).name}=={release.version}", *kept, *added)


def pinned_version(framework: str) -> str:
    """Return the version that a framework's dependency group pins; raise as `requirements`."""
    first = Requirement(requirements(Release(framework))[0])
    return str(Version(next(iter(first.specifier)).version))


def compared_releases() -> list[Release]:
    """Return the releases that are compared by default; raise as `requirements`."""
    return [Release.parse(text) for text in _project()["tool"]["rmsuite"]["compared"]]


def _pip_error(output: str) -> str:
    """Return pip's first error, which names the requirement that failed; else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["pip did not say why"]
    return next((line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")), lines[-1])


def _stamp(release: Release) -> str:
    wanted = sorted(requirements(release))
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    return json.dumps({"requirements": wanted, "sha256": digest})


def _project() -> dict[str, Any]:
    file = PROJECT / "pyproject.toml"
    if not file.is_file():
        raise EnvironmentMissing("environments are built from pyproject.toml, which only a checkout has")
    return tomllib.loads(file.read_text("utf-8"))
