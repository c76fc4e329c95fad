"""The task runner. `nox` alone runs the main job; `nox -l` lists the sessions.

Arguments after `--` go to the command of the session, as in `nox -s agree -- -f torch`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"  # pip finds builds of torch that other installers don't
nox.options.reuse_venv = "yes"
nox.options.sessions = ["main"]
nox.options.error_on_external_run = True

PROJECT = Path("pyproject.toml")
HARNESS = Path(".nox/harness")  # one environment for every session that runs the command
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
STOP_TIMEOUT = 20.0  # seconds that an interrupted command gets to stop its workers and to save its results
PARALLEL = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile")  # the tests of a file share their workers

SESSIONS = {
    "main": ("run", True, "Run the main job: agreement, training, timing and a report, in all frameworks."),
    "agree": ("agree", True, "Test whether implementations compute what they claim."),
    "train": ("train", True, "Train on every task and report the losses."),
    "bench": ("bench", True, "Time steps and epochs of all implementations."),
    "report": ("report", False, "Write the report of the newest results folder, or of one named after --, again."),
    "chapter": ("chapter", True, "Reproduce the section of the book, on a page of its own."),
    "envs": ("envs --build", False, "Build the environments of the frameworks."),
    "mutation": ("mutation", False, "Test that the catalogue catches every wrong optimizer."),
    "fuzz": ("fuzz", False, "Test that no correct optimizer is flagged."),
    "regress": ("regress", False, "Find the release that changed the numbers; builds the environments of releases."),
    "fidelity": ("fidelity", True, "Test the timing itself."),
    "baseline": ("baseline", True, "Detect changes; after -- follows: record FOLDER, or check FOLDER."),
    "sharpness": ("mutation", False, "Former name of mutation."),
    "soundness": ("fuzz", False, "Former name of fuzz."),
}
"""Session -> the command that it runs, whether the frameworks' environments are built before, and its description."""


def requirements(*groups: str) -> list[str]:
    """Return the requirements of dependency groups of pyproject.toml."""
    return list(nox.project.dependency_groups(nox.project.load_toml(PROJECT), *groups)) if groups else []


def releases() -> list[str]:
    """Return the releases that pyproject.toml lists, among them those of the dependency groups."""
    return list(nox.project.load_toml(PROJECT)["tool"]["rmsuite"]["compared"])


def once(folder: Path, groups: Sequence[str], install: Callable[[], None]) -> None:
    """Install into a folder, unless these groups were installed there since pyproject.toml last changed."""
    wanted = hashlib.sha256(PROJECT.read_bytes() + " ".join(groups).encode()).hexdigest()
    stamp = folder / "rmsuite-installed"
    if not stamp.is_file() or stamp.read_text() != wanted:
        install()
        stamp.write_text(wanted)


def install(session: nox.Session, *groups: str) -> None:
    """Install the project and dependency groups into the session's environment."""
    packages = ["--editable", ".[harness]", *requirements(*groups)]
    once(Path(session.env_dir), groups, lambda: session.install("--quiet", *packages))


def harness(session: nox.Session, *arguments: str, codes: Sequence[int] = (0,), program: str = "rmsuite") -> None:
    """Run a program in the environment of the harness, which is created or updated first."""
    programs = HARNESS / ("Scripts" if os.name == "nt" else "bin")

    def create() -> None:
        session.run(sys.executable, "-m", "venv", str(HARNESS), external=True)
        session.run(
            str(programs / "python"), "-m", "pip", "install", "--quiet", "--editable", ".[harness]", external=True
        )

    once(HARNESS, (), create)
    session.run(
        str(programs / program),
        *arguments,
        external=True,
        success_codes=codes,
        interrupt_timeout=STOP_TIMEOUT,
        terminate_timeout=STOP_TIMEOUT,
    )


def forward(name: str, command: str, build: bool, description: str) -> None:
    """Define a session that runs a command of the harness with the arguments after --."""

    def run(session: nox.Session) -> None:
        if build:  # one that can't be built does not fail the session
            harness(session, "envs", "--build", codes=(0, 1))
        harness(session, *command.split(), *session.posargs)

    run.__doc__ = description
    nox.session(name=name, venv_backend="none")(run)


for _name, _session in SESSIONS.items():
    forward(_name, *_session)


@nox.session(venv_backend="none")
def pictures(session: nox.Session) -> None:
    """Make the pictures in docs/ from the newest results folder, or from one named after --."""
    harness(session, "-m", "reports.render.pictures", *session.posargs, program="python")


def browser(session: nox.Session) -> None:
    """Install the browser in which tests open the page: in CI, as root, unless there is one."""
    if not os.environ.get("CI") or any(map(shutil.which, BROWSERS)) or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    try:
        session.run("apt-get", "update", "-qq", external=True)
        install_quietly = ("apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium")
        session.run(*install_quietly, external=True, env={"DEBIAN_FRONTEND": "noninteractive"})
    except CommandFailed:
        session.warn("apt-get can't install Chromium; the tests that need a browser will fail")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, with the environments of all frameworks and of the releases that pyproject.toml lists."""
    install(session, "tests")
    browser(session)
    session.run("rmsuite", "envs", "--build", *releases(), success_codes=(0, 1))
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install("--quiet", *requirements("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    install(session, "types")
    session.run("mypy")
