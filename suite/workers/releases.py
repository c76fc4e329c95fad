"""Harness side: releases of the frameworks, and what the environment of each holds. All of it stands in pyproject.toml.

A framework's dependency group pins the release that is usually asked. Another one has the group's requirements with its
own number in the place of that, and what `[tool.rmsuite.beside]` adds for old ones. `[tool.rmsuite]` also lists the
releases that are compared where nobody names others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import tomllib
from dependency_groups import resolve
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from suite.adapters import FRAMEWORKS
from suite.workers.errors import EnvironmentMissing

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, order=True)
class Release:
    """A release of a framework.

    Attributes:
        framework: whose.
        version: in its normal form; None for the one that pyproject.toml pins, whichever that is.
    """

    framework: str
    version: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `tensorflow==2.15.1`, or `tensorflow` for the one that is pinned.

        Raises:
            LookupError: if it is neither, or there is no such framework.
            EnvironmentMissing: if a version is named and there is no pyproject.toml to read.
        """
        framework, equals, number = (part.strip() for part in text.partition("=="))
        if framework not in FRAMEWORKS:
            raise LookupError(f"no framework {framework!r}; there are {', '.join(FRAMEWORKS)}, or one as mxnet==1.9.1")
        if not equals:
            return cls(framework)
        try:
            version = str(Version(number))
        except InvalidVersion:
            raise LookupError(f"{number!r} is no version; a release is named as mxnet==1.9.1 is") from None
        return cls(framework, None if version == pinned(framework) else version)

    @property
    def name(self) -> str:
        """As it is parsed."""
        return self.framework if self.version is None else f"{self.framework}=={self.version}"

    @property
    def full_name(self) -> str:
        """With the version, also where that is the pinned one."""
        return f"{self.framework}=={self.version or pinned(self.framework)}"

    @property
    def folder(self) -> str:
        """The name of its environment's folder."""
        return self.name.replace("==", "-")


def requirements(release: Release) -> tuple[str, ...]:
    """What the environment of a release holds.

    Raises:
        EnvironmentMissing: if there is no pyproject.toml to read, as in an installed copy.
    """
    group = tuple(resolve(_project()["dependency-groups"], release.framework))
    if release.version is None:
        return group
    first, *others = group
    beside: Mapping[str, Sequence[str]] = _project()["tool"]["rmsuite"]["beside"].get(release.framework, {})
    more = [one for versions, wanted in beside.items() if _within(release.version, versions) for one in wanted]
    replaced = {Requirement(one).name for one in more}
    kept = [one for one in others if Requirement(one).name not in replaced]
    return (f"{Requirement(first).name}=={release.version}", *kept, *more)


def pinned(framework: str) -> str:
    """The version that its dependency group pins.

    Raises:
        EnvironmentMissing: as `requirements`.
    """
    first = Requirement(resolve(_project()["dependency-groups"], framework)[0])
    return str(Version(next(iter(first.specifier)).version))


def compared() -> list[Release]:
    """The releases that are compared where nobody names others.

    Raises:
        EnvironmentMissing: as `requirements`.
    """
    return [Release.parse(text) for text in _project()["tool"]["rmsuite"]["compared"]]


def _within(version: str, versions: str) -> bool:
    return SpecifierSet(versions).contains(version, prereleases=True)


def _project() -> dict[str, Any]:
    file = PROJECT / "pyproject.toml"
    if not file.is_file():
        raise EnvironmentMissing("what environments hold stands in pyproject.toml, which only a checkout has")
    return tomllib.loads(file.read_text("utf-8"))
