"""Installed releases, each in its own environment: `rmsuite regress` finds the known changes of the frameworks."""

from __future__ import annotations

import json
import os

import pytest

from suite.workers.environments import compared_releases, environment
from tests.suite.cli.test_commands import rmsuite

PART = ("-c", "decades", "-c", "rows", "-k", "not (xla or compiled)")  # compiling takes long

pytestmark = [pytest.mark.framework(release.full_name) for release in compared_releases()]


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """The history of the releases that pyproject.toml lists, on a small part of the catalogue."""
    for release in compared_releases():
        if not environment(release).exists:
            refuse = pytest.fail if os.environ.get("CI") else pytest.skip
            refuse(f"there is no environment for {release.name}: `rmsuite envs --build {release.name}`")
    folder = tmp_path_factory.mktemp("history") / "results"
    status, _, err = rmsuite("regress", *PART, "--no-timing", "-o", folder)
    assert status == 0, err
    return json.loads((folder / "history.json").read_text())


def entry(history, implementation, version):
    (row,) = [row for row in history["history"] if (row["implementation"], row["version"]) == (implementation, version)]
    return row


@pytest.mark.parametrize("name", ["builtin", "optimizer", "kernel", "hybrid"])
def test_mxnet_2_moved_epsilon_and_the_order_of_clipping_and_weight_decay(history, name):
    row = entry(history, f"mxnet/{name}", "2.0.0b1")
    assert row["change"] == "dialect"
    assert row["axes"] == {"epsilon": ["inside", "inside when centered"], "clipping": ["after decay", "before decay"]}
    assert row["fitted"] == row["distinguishing"]
    assert row["words"].startswith(
        "ε inside the root → inside the root when centered, outside otherwise; "
        "clipping after weight decay → before weight decay; in "
    )
    (line,) = [line for line in history["summary"] if line.startswith("mxnet 1.9.1 → 2.0.0b1: dialect in ")]
    assert name in line


def test_implementations_that_did_not_change_have_the_same_bits_or_rounding(history):
    for implementation, version in (
        ("mxnet/scratch", "2.0.0b1"),
        ("mxnet/section", "2.0.0b1"),
        ("tensorflow/scratch", "2.21.0"),
        ("tensorflow/kernel", "2.21.0"),
    ):
        row = entry(history, implementation, version)
        assert row["change"] in ("same bits", "rounding"), row["words"]  # which of the two depends on the processor
        assert row["traced"] >= 5


def test_keras_3_squares_duplicate_rows_separately_and_keras_2_adds_them_first(history):
    row = entry(history, "tensorflow/builtin", "2.21.0")
    assert (row["change"], row["axes"]) == ("dialect", {"duplicates": ["merged", "apart"]})
    assert entry(history, "tensorflow/builtin", "2.15.1")["dialects"] == ["keras2"]


@pytest.mark.parametrize("version", ["2.15.1", "2.21.0"])
def test_the_three_optimizers_of_tensorflow_are_distinguished_by_their_differences(history, version):
    own = [row for row in history["computed"] if row["release"] == f"tensorflow {version}"]
    differences = {name: row["difference from builtin"] for row in own for name in row["implementations"].split(", ")}
    assert differences["builtin"] == ""
    assert "ε inside the root with momentum, outside without" in differences["legacy"]
    assert "average of squares from 1" in differences["v1"]
    assert "ε" not in differences["v1"].replace("but ε", "")
    assert "rows without a gradient unchanged" in differences["v1"]


def test_a_step_of_several_operations_is_new_in_mxnet_2(history):
    row = entry(history, "mxnet/unfused", "2.0.0b1")
    assert row["change"] == "new"
    assert "mxnet/unfused" not in {one["implementation"] for one in history["history"] if one["version"] == "1.9.1"}


def test_every_release_has_traces(history):
    assert history["missing"] == {}
    found = {
        f"{row['implementation'].partition('/')[0]}=={row['version'].partition('+')[0]}" for row in history["history"]
    }
    assert found == {release.full_name for release in compared_releases()}
    assert [row for row in history["history"] if not row["traced"]] == []
