"""Releases: their names, the requirements of their environments, and releases that can't be installed."""

from __future__ import annotations

import pytest

from suite.cases.expression import Selection
from suite.cli.options import interpreters, release_names
from suite.errors import UserError
from suite.results.provenance import Conditions
from suite.workers import environments as installed
from suite.workers import selection
from suite.workers.environments import (
    NotInstalled,
    Release,
    build,
    compared_releases,
    environment,
    environments,
    pinned_version,
    requirements,
)
from suite.workers.selection import selection_text


def test_a_release_is_named_by_framework_and_version():
    assert Release.parse("mxnet==2.0.0b1") == Release("mxnet", "2.0.0b1")
    assert Release.parse("mxnet==2.0.0.beta1").name == "mxnet==2.0.0b1"
    assert Release.parse("mxnet").version is None


def test_the_pinned_release_shares_its_frameworks_environment(tmp_path):
    same = Release.parse(f"tensorflow=={pinned_version('tensorflow')}")
    other = Release.parse("tensorflow==2.15.1")
    assert same == Release("tensorflow")
    assert environment(same, tmp_path).folder == tmp_path / "tensorflow"
    assert environment(other, tmp_path).folder == tmp_path / "tensorflow-2.15.1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jax", "no framework 'jax'; there are torch, "),
        ("mxnet>=2", "no framework 'mxnet>=2'; there are torch, "),
        ("mxnet==latest", "'latest' is not a version; name a release in the form mxnet==1.9.1"),
    ],
)
def test_text_that_names_no_release_is_refused_in_one_line(text, message):
    with pytest.raises(UserError, match=r"^\S") as error:
        Release.parse(text)
    assert str(error.value).startswith(message)


def test_a_run_includes_several_releases_of_a_framework_by_their_names(tmp_path):
    named = ["mxnet==2.0.0b1", "torch", "mxnet", "mxnet==2.0.0.beta1"]
    assert release_names(named) == ["mxnet==2.0.0b1", "torch", "mxnet"]
    python = tmp_path / "python"
    known = environments(interpreters([f"mxnet==3.0={python}"]), tmp_path, [Release("mxnet", "2.0.0b1")])
    assert known["mxnet==2.0.0b1"].folder == tmp_path / "mxnet-2.0.0b1"
    assert known["mxnet"].folder == tmp_path / "mxnet"
    assert (known["mxnet==3.0"].python, known["mxnet==3.0"].release) == (python, Release("mxnet", "3.0"))


def test_implementations_of_a_release_are_selected_by_framework_or_by_release():
    hellos = {name: {"implementations": {"builtin": {}}} for name in ("mxnet", "mxnet==2.0.0b1")}
    assert selection.matching_implementations(hellos, ["mxnet/builtin"]) == {
        "mxnet": ["builtin"],
        "mxnet==2.0.0b1": ["builtin"],
    }
    assert selection.matching_implementations(hellos, ["mxnet==2.0.0b1/*"]) == {
        "mxnet": [],
        "mxnet==2.0.0b1": ["builtin"],
    }
    assert selection.matching_frameworks(list(hellos), ["mxnet/builtin"]) == list(hellos)
    text = selection_text("mxnet==2.0.0b1", "builtin", "decades/plain", "float32", "mxnet1")
    for expression in ("mxnet/builtin", "mxnet==2.0.0b1", "2.0.0b1 and plain"):
        assert Selection.of(expression).matches(text)


def test_another_release_has_the_requirements_of_its_group_with_replacements():
    assert requirements(Release("mxnet", "2.0.0b1"))[:2] == ("mxnet==2.0.0b1", "numpy<1.24")
    old, new = (requirements(Release("tensorflow", version)) for version in ("2.17.1", "2.18.0"))
    assert old[0] == "tensorflow-cpu==2.17.1"
    assert "numpy<2" in old
    assert "numpy<2" not in new
    (numpy,) = (one for one in requirements(Release("torch", "2.2.0")) if one.startswith("numpy"))
    assert numpy == "numpy<2"


def test_each_framework_has_compared_releases_that_include_the_pinned_one():
    listed = compared_releases()
    assert {one.framework for one in listed} == {"torch", "tensorflow", "mxnet"}
    assert {Release(one.framework) for one in listed} <= set(listed)
    assert all(Release.parse(one.full_name) == one for one in listed)


def test_a_release_that_is_not_in_the_index_is_one_line_and_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    missing = environment(Release("mxnet", "99.0"), tmp_path)
    with pytest.raises(NotInstalled) as error:
        build(missing, lambda _: None)
    message = "mxnet==99.0 can't be installed: Could not find a version that satisfies the requirement mxnet==99.0"
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_repeat_command_names_the_release():
    command = Conditions().command("agree", "mxnet==2.0.0b1", "builtin")
    assert command == "rmsuite agree -f mxnet==2.0.0b1 -i mxnet/builtin"
    assert Conditions().command("agree", "torch", "builtin") == "rmsuite agree -i torch/builtin"


def test_without_a_checkout_only_a_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(installed, "PROJECT", tmp_path)
    assert Release.parse("mxnet") == Release("mxnet")
    with pytest.raises(installed.EnvironmentMissing, match="which only a checkout has"):
        Release.parse("mxnet==2.0.0b1")
