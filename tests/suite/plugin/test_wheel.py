"""The wheel: one package with few requirements."""

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
def mine(tmp_path):
    """A folder with a factory in it, and packages that have our names."""
    (tmp_path / "mine.py").write_text(FACTORY_SOURCE)
    for name in ("reference", "suite", "reports"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise AssertionError('the {name} of somebody else')\n")
    return tmp_path


def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def read(wheel, name):
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(one for one in archive.namelist() if one.endswith(f".dist-info/{name}"))).decode()


def test_it_has_one_package(wheel):
    tops = {name.partition("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"rmsuite"}
    assert read(wheel, "top_level.txt").split() == ["rmsuite"]


def test_its_requirements_are_few_and_old(wheel):
    needed = email.message_from_string(read(wheel, "METADATA")).get_all("Requires-Dist")
    plain = {one for one in needed if "extra ==" not in one}
    assert plain == {"numpy>=1.23", "packaging>=21", "safetensors>=0.4.3"}
    assert len(needed) > len(plain)


def test_it_holds_every_package_and_the_plugin_once(wheel):
    found = set(names(wheel))
    for room in ("reference", "suite", "reports"):
        for path in (ROOT / room).rglob("*"):
            if path.suffix in (".py", ".toml", ".json", ".jinja", ".typed"):
                place = path.relative_to(ROOT).as_posix()
                inside = place.startswith("suite/plugin/") and not place.startswith("suite/plugin/server/")
                wanted = f"rmsuite/{place[len('suite/plugin/') :]}" if inside else f"rmsuite/{place}"
                assert wanted in found


def test_it_has_a_command_and_a_pytest_plugin(wheel):
    assert "rmsuite = rmsuite.__main__:main" in read(wheel, "entry_points.txt")
    assert "[pytest11]\nrmsuite = rmsuite.pytest_plugin" in read(wheel, "entry_points.txt")


def test_it_works_beside_packages_named_reference_suite_and_reports(mine, user):
    done = user("-m", "rmsuite", "check", "mine:make", "--dialect", "d2l", "-c", "decades/plain", cwd=mine)
    assert done == (0, done.output, "")
    assert "mine:make as d2l, 2 verdicts: 2 agree, none is unexpected" in done.output


def test_it_works_with_numpy_safetensors_and_packaging_alone(mine, site, bare, user):
    arguments = ("check", "mine:make", "--dialect", "torch", "-c", "decades/plain")
    python = mine / "python"
    python.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -S -I "$@" --path={bare}\n')  # no other packages
    python.chmod(0o755)
    done = user("-S", "-m", "rmsuite", *arguments, cwd=mine, path=(site, bare), RMSUITE_SERVER_PYTHON=str(python))
    assert (done.status, done.errors) == (1, "")
    assert "d2l is torch with epsilon inside in place of outside" in done.output


def test_other_commands_name_what_is_missing_in_one_line(tmp_path, site, bare, user):
    done = user("-S", "-m", "rmsuite", "agree", cwd=tmp_path, path=(site, bare))
    assert done.status == 2
    (line,) = done.errors.splitlines()
    assert re.fullmatch(
        r"rmsuite: agree needs the harness \(\w+ is not installed\): pip install 'rmsuite\[harness\]'", line
    )
    helped = user("-S", "-m", "rmsuite", "--help", cwd=tmp_path, path=(site, bare))
    assert helped.status == 0
    assert "check" in helped.output


def test_other_commands_run_where_the_harness_is_installed(tmp_path, user):
    done = user("-m", "rmsuite", "cases", "-c", "decades/plain", "--json", cwd=tmp_path)
    assert done.errors == ""
    assert [one["id"] for one in json.loads(done.output)] == ["decades/plain"]


def test_an_editable_install_has_the_three_packages_under_their_own_names(source, tmp_path):
    pytest.importorskip("setuptools", "77")
    command = [sys.executable, "setup.py", "--quiet", "editable_wheel", "--dist-dir", tmp_path]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    finder = next(name for name in names(wheel) if name.endswith("finder.py"))
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(finder).decode()
    for name, place in {"rmsuite": "suite/plugin", "reference": "reference", "suite": "suite"}.items():
        assert f"{name!r}: {str(source / place)!r}" in text


def test_the_oracle_example_of_the_readme_gives_its_numbers_in_an_empty_environment(wheel, tmp_path):
    """`pip install` of the wheel into a new environment, then the example as it is written."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## The oracle alone")[2]
    example = tmp_path / "example.txt"
    example.write_text(section.partition("\n## ")[0], "utf-8")
    assert ">>> from rmsuite.reference import" in example.read_text("utf-8")
    venv.create(tmp_path / "environment", with_pip=True)
    python = tmp_path / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel]
    subprocess.run(install, check=True, timeout=300, cwd=tmp_path)
    done = subprocess.run([python, "-I", "-m", "doctest", example], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
