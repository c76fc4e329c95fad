"""Releases of the real frameworks, each in its own environment: the history tells what is known of them, by itself."""

from __future__ import annotations

import json
import os

import pytest

from suite.workers.environments import compared_releases, environment
from tests.suite.cli.test_commands import rmsuite

PART = ("-c", "decades", "-c", "rows", "-k", "not (xla or compiled)")  # what compiles takes its time

pytestmark = [pytest.mark.framework(release.full_name) for release in compared_releases()]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The history of the releases that pyproject.toml lists, on a small part of the catalogue."""
    for release in compared_releases():
        if not environment(release).exists:
            refuse = pytest.fail if os.environ.get("CI") else pytest.skip
            refuse(f"there is no environment for {release.name}: `rmsuite envs --build {release.name}`")
    folder = tmp_path_factory.mktemp("history") / "results"
    status, _, err = rmsuite("regress", *PART, "--no-timing", "-o", folder)
    assert status == 0, err
    return json.loads((folder / "history.json").read_text())


def became(told, implementation, version):
    (row,) = [row for row in told["history"] if (row["implementation"], row["version"]) == (implementation, version)]
    return row


@pytest.mark.parametrize("name", ["builtin", "optimizer", "kernel", "hybrid"])
def test_mxnet_2_moved_epsilon_and_the_order_of_clipping_and_weight_decay(told, name):
    row = became(told, f"mxnet/{name}", "2.0.0b1")
    assert row["turn"] == "dialect"
    assert row["axes"] == {"epsilon": ["inside", "inside when centered"], "clipping": ["after decay", "before decay"]}
    assert row["fitted"] == row["judged"]
    assert row["words"].startswith(
        "ε inside the root → inside the root when centered, outside otherwise; "
        "clipping after weight decay → before weight decay; in "
    )
    (line,) = [line for line in told["summary"] if line.startswith("mxnet 1.9.1 → 2.0.0b1: dialect in ")]
    assert name in line


def test_what_has_no_part_in_a_change_keeps_its_bits(told):
    for implementation, version in (
        ("mxnet/scratch", "2.0.0b1"),
        ("mxnet/section", "2.0.0b1"),
        ("tensorflow/scratch", "2.21.0"),
        ("tensorflow/kernel", "2.21.0"),
    ):
        row = became(told, implementation, version)
        assert row["turn"] in ("same bits", "rounding"), row["words"]  # which of the two is the processor's to say
        assert row["answered"] >= 5


def test_keras_3_squares_the_gradients_of_a_row_apart_that_keras_2_merged(told):
    row = became(told, "tensorflow/builtin", "2.21.0")
    assert (row["turn"], row["axes"]) == ("dialect", {"duplicates": ["merged", "apart"]})
    assert became(told, "tensorflow/builtin", "2.15.1")["dialects"] == ["keras2"]


@pytest.mark.parametrize("version", ["2.15.1", "2.21.0"])
def test_the_new_the_legacy_and_the_v1_optimizer_of_tensorflow_are_told_apart_in_words(told, version):
    own = [row for row in told["computed"] if row["release"] == f"tensorflow {version}"]
    apart = {name: row["apart from builtin"] for row in own for name in row["implementations"].split(", ")}
    assert apart["builtin"] == ""
    assert "ε inside the root with momentum, outside without" in apart["legacy"]
    assert "average of squares from 1" in apart["v1"]
    assert "ε" not in apart["v1"].replace("but ε", "")
    assert "rows without a gradient unchanged" in apart["v1"]


def test_a_step_of_several_operations_is_new_in_mxnet_2(told):
    row = became(told, "mxnet/unfused", "2.0.0b1")
    assert row["turn"] == "new"
    assert "mxnet/unfused" not in {one["implementation"] for one in told["history"] if one["version"] == "1.9.1"}


def test_every_release_answers(told):
    assert told["missing"] == {}
    found = {
        f"{row['implementation'].partition('/')[0]}=={row['version'].partition('+')[0]}" for row in told["history"]
    }
    assert found == {release.full_name for release in compared_releases()}
    assert [row for row in told["history"] if not row["answered"]] == []
