"""The contents of the wheel, and its use in environments with few packages."""

from __future__ import annotations

import email
import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.factory import FACTORY_SOURCE

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def user_folder(tmp_path):
    """A folder with a factory, and with unrelated packages named `reference`, `suite` and `reports`."""
    (tmp_path / "my_optimizer.py").write_text(FACTORY_SOURCE)
    for name in ("reference", "suite", "reports"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(
            f"raise AssertionError('the unrelated package {name} was imported')\n"
        )
    return tmp_path


def names(wheel):
    """Return the names of the files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def metadata(wheel, name):
    """Return the text of a file of the wheel's metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(file for file in archive.namelist() if file.endswith(f".dist-info/{name}"))).decode()


def test_the_wheel_contains_one_package(wheel):
    folders = {name.partition("/")[0] for name in names(wheel)}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"rmsuite"}
    assert metadata(wheel, "top_level.txt").split() == ["rmsuite"]


def test_the_wheel_requires_three_packages_in_old_versions(wheel):
    requirements = email.message_from_string(metadata(wheel, "METADATA")).get_all("Requires-Dist")
    required = {requirement for requirement in requirements if "extra ==" not in requirement}
    assert required == {"numpy>=1.23", "packaging>=21", "safetensors>=0.4.3"}
    assert len(requirements) > len(required)


def test_the_wheel_contains_all_modules_with_the_plugin_at_the_top_level(wheel):
    contained = set(names(wheel))
    for package in ("reference", "suite", "reports"):
        for path in (ROOT / package).rglob("*"):
            if path.suffix in (".py", ".toml", ".json", ".jinja", ".typed"):
                source = path.relative_to(ROOT).as_posix()
                in_plugin = source.startswith("suite/plugin/") and not source.startswith("suite/plugin/server/")
                expected = f"rmsuite/{source[len('suite/plugin/') :]}" if in_plugin else f"rmsuite/{source}"
                assert expected in contained


def test_the_wheel_has_a_command_and_a_pytest_plugin(wheel):
    assert "rmsuite = rmsuite.__main__:main" in metadata(wheel, "entry_points.txt")
    assert "[pytest11]\nrmsuite = rmsuite.pytest_plugin" in metadata(wheel, "entry_points.txt")


def test_check_works_beside_packages_named_reference_suite_and_reports(user_folder, user):
    process = user(
        "-m", "rmsuite", "check", "my_optimizer:make", "--dialect", "d2l", "-c", "decades/plain", cwd=user_folder
    )
    assert process == (0, process.output, "")
    assert "my_optimizer:make as d2l, 2 verdicts: 2 agree, none is unexpected" in process.output


def test_check_needs_numpy_safetensors_and_packaging_only(user_folder, site, required_packages, user):
    arguments = ("check", "my_optimizer:make", "--dialect", "torch", "-c", "decades/plain")
    python = user_folder / "python"
    python.write_text(
        f'#!/bin/sh\nshift\nexec {sys.executable} -S -I "$@" --path={required_packages}\n'
    )  # no other packages
    python.chmod(0o755)
    process = user(
        "-S",
        "-m",
        "rmsuite",
        *arguments,
        cwd=user_folder,
        path=(site, required_packages),
        RMSUITE_SERVER_PYTHON=str(python),
    )
    assert (process.status, process.errors) == (1, "")
    assert "d2l is torch with epsilon inside in place of outside" in process.output


def test_other_commands_name_the_missing_package_in_one_line(tmp_path, site, required_packages, user):
    process = user("-S", "-m", "rmsuite", "agree", cwd=tmp_path, path=(site, required_packages))
    assert process.status == 2
    (line,) = process.errors.splitlines()
    assert re.fullmatch(
        r"rmsuite: agree needs the harness \(\w+ is not installed\): pip install 'rmsuite\[harness\]'", line
    )
    help_page = user("-S", "-m", "rmsuite", "--help", cwd=tmp_path, path=(site, required_packages))
    assert help_page.status == 0
    assert "check" in help_page.output


def test_other_commands_run_if_the_harness_is_installed(tmp_path, user):
    process = user("-m", "rmsuite", "cases", "-c", "decades/plain", "--json", cwd=tmp_path)
    assert process.errors == ""
    assert [case["id"] for case in json.loads(process.output)] == ["decades/plain"]


def test_an_editable_install_keeps_the_names_of_the_packages(source, tmp_path):
    pytest.importorskip("setuptools", "77")
    command = [sys.executable, "setup.py", "--quiet", "editable_wheel", "--dist-dir", tmp_path]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    finder = next(name for name in names(wheel) if name.endswith("finder.py"))
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(finder).decode()
    for name, folder in {"rmsuite": "suite/plugin", "reference": "reference", "suite": "suite"}.items():
        assert f"{name!r}: {str(source / folder)!r}" in text


def test_the_readmes_oracle_example_works_in_an_empty_environment(wheel, tmp_path):
    """Install the wheel into a new environment, then run the example as a doctest."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## The oracle alone")[2]
    example = tmp_path / "example.txt"
    example.write_text(section.partition("\n## ")[0], "utf-8")
    assert ">>> from rmsuite.reference import" in example.read_text("utf-8")
    venv.create(tmp_path / "environment", with_pip=True)
    python = tmp_path / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel]
    subprocess.run(install, check=True, timeout=300, cwd=tmp_path)
    process = subprocess.run([python, "-I", "-m", "doctest", example], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
