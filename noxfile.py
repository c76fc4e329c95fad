"""The task runner. `nox` alone is the main job; `nox -l` lists the rest. Arguments after `--` go to the command."""

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
nox.options.default_venv_backend = "virtualenv"  # with pip, which finds builds of torch that other installers don't
nox.options.reuse_venv = "yes"
nox.options.sessions = ["main"]
nox.options.error_on_external_run = True

PROJECT = Path("pyproject.toml")
HARNESS = Path(".nox/harness")  # one environment for every session that runs the command
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 20.0  # seconds
TOLERANT = (0, 1)  # a framework whose environment can't be built costs its own rows, not the run
SIDE_BY_SIDE = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile")  # a file's tests share their workers


def requirements(*groups: str) -> list[str]:
    """What dependency groups of pyproject.toml ask for."""
    return list(nox.project.dependency_groups(nox.project.load_toml(PROJECT), *groups)) if groups else []


def compared() -> list[str]:
    """The releases of frameworks that pyproject.toml lists; those of the dependency groups are among them."""
    return list(nox.project.load_toml(PROJECT)["tool"]["rmsuite"]["compared"])


def once(folder: Path, groups: Sequence[str], install: Callable[[], None]) -> None:
    """Install into a folder, unless that was done with these groups since pyproject.toml last changed."""
    wanted = hashlib.sha256(PROJECT.read_bytes() + " ".join(groups).encode()).hexdigest()
    stamp = folder / "rmsuite-installed"
    if not stamp.is_file() or stamp.read_text() != wanted:
        install()
        stamp.write_text(wanted)


def install(session: nox.Session, *groups: str) -> None:
    """Install the project and dependency groups into the session's environment."""
    packages = ["--editable", ".[harness]", *requirements(*groups)]
    once(Path(session.env_dir), groups, lambda: session.install("--quiet", *packages))


def command(session: nox.Session, *arguments: str, codes: Sequence[int] = (0,), program: str = "rmsuite") -> None:
    """Run the project's command, or another, in the harness's environment, which is made if need be."""
    programs = HARNESS / ("Scripts" if os.name == "nt" else "bin")

    def make() -> None:
        session.run(sys.executable, "-m", "venv", str(HARNESS), external=True)
        session.run(
            str(programs / "python"), "-m", "pip", "install", "--quiet", "--editable", ".[harness]", external=True
        )

    once(HARNESS, (), make)
    session.run(
        str(programs / program),
        *arguments,
        external=True,
        success_codes=codes,
        interrupt_timeout=PATIENCE,  # Ctrl-C reaches it too: it ends its workers and writes down where it stopped
        terminate_timeout=PATIENCE,
    )


@nox.session(venv_backend="none")
def main(session: nox.Session) -> None:
    """The main job: agreement, training, timing and a report, in all frameworks."""
    command(session, "envs", "--build", codes=TOLERANT)
    command(session, "run", *session.posargs)


@nox.session(venv_backend="none")
def agree(session: nox.Session) -> None:
    """Do implementations compute what they claim?"""
    command(session, "envs", "--build", codes=TOLERANT)
    command(session, "agree", *session.posargs)


@nox.session(venv_backend="none")
def train(session: nox.Session) -> None:
    """What losses do they reach?"""
    command(session, "envs", "--build", codes=TOLERANT)
    command(session, "train", *session.posargs)


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """How long do they take?"""
    command(session, "envs", "--build", codes=TOLERANT)
    command(session, "bench", *session.posargs)


@nox.session(venv_backend="none")
def report(session: nox.Session) -> None:
    """Write the report of a results folder again (the newest, unless one is named after --)."""
    command(session, "report", *session.posargs)


@nox.session(venv_backend="none")
def pictures(session: nox.Session) -> None:
    """Make the pictures in docs/ again, from a results folder (the newest, unless one is named after --)."""
    command(session, "-m", "reports.render.pictures", *session.posargs, program="python")


@nox.session(venv_backend="none")
def chapter(session: nox.Session) -> None:
    """The section of the book from top to bottom, on a page of its own."""
    command(session, "envs", "--build", codes=TOLERANT)
    command(session, "chapter", *session.posargs)


@nox.session(venv_backend="none")
def envs(session: nox.Session) -> None:
    """Build the frameworks' environments."""
    command(session, "envs", "--build", *session.posargs)


def browser(session: nox.Session) -> None:
    """In CI, as root and where there is none: install the browser in which the tests open the page."""
    if not os.environ.get("CI") or any(map(shutil.which, BROWSERS)) or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    try:
        session.run("apt-get", "update", "-qq", external=True)
        install_quietly = ("apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium")
        session.run(*install_quietly, external=True, env={"DEBIAN_FRONTEND": "noninteractive"})
    except CommandFailed:
        session.warn("Chromium can't be installed with apt-get; the tests that need a browser will fail")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, those of the adapters in the frameworks' environments, and those of releases in theirs."""
    install(session, "tests")
    browser(session)
    command(session, "envs", "--build", *compared(), codes=TOLERANT)
    session.run("pytest", *SIDE_BY_SIDE, *session.posargs)


@nox.session(venv_backend="none")
def sharpness(session: nox.Session) -> None:
    """Is what is wrong told from what is right? The kill matrix of the catalogue."""
    command(session, "sharpness", *session.posargs)


@nox.session(venv_backend="none")
def soundness(session: nox.Session) -> None:
    """Is what is right never called wrong? A minute of random questions."""
    command(session, "soundness", *session.posargs)


@nox.session(venv_backend="none")
def regress(session: nox.Session) -> None:
    """Which release changed the numbers? Each has an environment of its own, which is built if need be."""
    command(session, "regress", *session.posargs)


@nox.session(venv_backend="none")
def fidelity(session: nox.Session) -> None:
    """Does the stopwatch add to what it times, and does it see what is there?"""
    command(session, "envs", "--build", codes=TOLERANT)
    command(session, "fidelity", *session.posargs)


@nox.session(venv_backend="none")
def baseline(session: nox.Session) -> None:
    """Has a release changed the numbers? After `--`: record FOLDER, or check FOLDER."""
    command(session, "envs", "--build", codes=TOLERANT)
    command(session, "baseline", *session.posargs)


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
