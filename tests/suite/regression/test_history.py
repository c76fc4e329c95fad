"""`rmsuite regress` with releases of the NumPy framework: which release changed what."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from reference import Dialect, dialects
from suite.cases import catalogue, datasets
from suite.cases.tasks import tasks
from suite.cli.regression import regress
from suite.errors import UserError
from suite.regression.baseline import Key, Record
from suite.regression.comparison import ChangeKind, compare
from suite.regression.history import HistoryEntry, ReleaseChange, timed
from suite.regression.identity import Identity, changed_values, differences, new_values
from suite.regression.recording import record
from suite.results.wording import AXES
from suite.workers.environments import NotInstalled, Release, build_all, environments
from tests.suite.cli.test_commands import rmsuite
from tests.suite.conftest import script

ADAPTER = Path(__file__).parents[2] / "support" / "numpy_framework" / "adapter.py"
CASES = {case.id: case for case in catalogue.catalogue(tasks(datasets.generated(), 0), 0)}


def records(fits, *cases, outcome="agrees"):
    return {Key("torch", "builtin", case, "float32", ""): Record(outcome, fits=tuple(fits)) for case in cases}


def identity(found):
    return Identity.of(found, CASES)


def test_an_identity_consists_of_the_dialects_that_fit_in_most_cases():
    found = identity({**records(["torch", "mlx"], "decades/plain"), **records(["torch"], "decades/momentum")})
    assert (found.dialects, found.name) == (("torch",), "torch")
    found = identity({**records(["torch", "d2l"], "decades/plain"), **records([], "zeros/plain", outcome="differs")})
    assert found.name == "d2l or torch, but for 1 of 2 cases"
    assert identity(records([], "decades/plain", outcome="unsupported")).name == "no trace"
    assert identity(records([], "decades/plain", outcome="differs")).name == "no named dialect"
    assert not identity(records(["torch"], "law/negation")).traced
    undecided = {**records([], "zeros/plain", outcome="undecided"), **records(["keras3"], "shape/large/large-epsilon")}
    found = identity({**records(["torch"], "decades/plain"), **undecided})
    assert (found.name, found.distinguishing, len(found.traced)) == ("torch", 1, 3)


def test_two_identities_differ_on_the_axes_that_their_common_cases_can_show():
    def identity_of(name, *cases):
        return identity(records([name], *cases))

    plain, clipped = ["decades/plain"], ["decades/plain", "decades/clipping-weight-decay"]
    one, other = (identity_of(name, *clipped) for name in ("mxnet1", "mxnet2"))
    axes = differences(one, other, CASES)
    assert axes == {"epsilon": ("inside", "inside when centered"), "clipping": ("after decay", "before decay")}
    assert list(differences(one, identity_of("mxnet2", *plain), CASES)) == ["epsilon"]
    assert differences(one, one, CASES) is None
    assert differences(identity(records(["torch", "mlx"], *plain)), identity_of("mlx", *plain), CASES) is None
    assert changed_values(axes) == (
        "ε inside the root → inside the root when centered, outside otherwise; "
        "clipping after weight decay → before weight decay"
    )
    assert new_values(axes) == "ε inside the root when centered, outside otherwise; clipping before weight decay"


def test_every_value_of_every_axis_has_a_description():
    hints = get_type_hints(Dialect)
    assert set(AXES) == set(Dialect().axes())
    for axis in Dialect().axes():
        parts = [hints[axis], *get_args(hints[axis])]
        values = [value for part in parts if get_origin(part) is Literal for value in get_args(part)]
        assert values
        assert set(values) == set(AXES[axis].values)
    starts = {dialect.initial_accumulator for dialect in dialects.values()}
    for start in starts - {"epsilon"}:
        assert changed_values({"initial_accumulator": (start, start)}).startswith(
            f"average of squares from {start:g} →"
        )


@pytest.fixture
def releases(tmp_path):
    """Arguments that name two releases; in the second, `builtin` adds ε outside the root."""

    def release(version, more=""):
        python = script(tmp_path, f"python-{version}", f"env RELEASE={version} {more} {sys.executable} {ADAPTER}")
        return ["--python", f"torch=={version}={python}"]

    cases = ["-c", "decades/plain", "-c", "decades/schedule-momentum"]
    return ["torch==1.0", "torch==2.0", *release("1.0"), *release("2.0", "BUILTIN=wrong-epsilon"), *cases,
            "-i", "scratch", "-i", "builtin", "-o", tmp_path / "out"]  # fmt: skip


def test_a_history_names_the_release_that_changed_the_dialect_and_the_axis(tmp_path, releases):
    status, out, err = rmsuite("regress", *releases, "--no-timing")
    assert status == 0, err
    line = "torch 1.0 → 2.0: dialect in builtin (ε inside the root → outside the root); same bits in scratch as d2l"
    assert out.splitlines()[-1] == line
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    assert history["summary"] == [line]
    assert {name: one["versions"]["torch"] for name, one in history["releases"].items()} == {
        "torch==1.0": "1.0",
        "torch==2.0": "2.0",
    }
    entries = {(row["implementation"], row["version"]): row for row in history["history"]}
    assert {key: row["change"] for key, row in entries.items()} == {
        ("torch/builtin", "1.0"): "first",
        ("torch/builtin", "2.0"): "dialect",
        ("torch/scratch", "1.0"): "first",
        ("torch/scratch", "2.0"): "same bits",
    }
    changed = entries["torch/builtin", "2.0"]
    assert "d2l" in entries["torch/builtin", "1.0"]["dialects"]
    assert changed["dialects"] == ["optax-outside"]
    assert changed["axes"] == {"epsilon": ["inside", "outside"]}
    assert changed["words"].endswith(", from step 1 on")
    assert {case["kind"] for case in changed["cases"]} == {"moved beyond"}
    markdown = (tmp_path / "out" / "history.md").read_text()
    assert f"- {line}" in markdown
    assert "| torch 2.0 | optax-outside | builtin |  |" in markdown


def test_a_release_without_an_environment_is_left_out_and_the_status_is_1(tmp_path, releases):
    nowhere = ("torch==3.0", "--python", f"torch==3.0={tmp_path / 'nowhere'}")
    status, out, err = rmsuite("regress", *releases, *nowhere, "--no-timing", "-k", "scratch")
    assert status == 1
    assert "torch==3.0 is left out: no environment for torch==3.0" in out.splitlines()[-1]
    assert "torch 1.0 → 2.0: same bits in scratch as d2l" in out
    assert "Traceback" not in err


def test_a_release_that_can_not_be_installed_is_left_out_and_one_must_remain(monkeypatch, quiet):
    def build(environment, say):
        if environment.release.version == "99.0":
            raise NotInstalled("mxnet==99.0 can't be installed: no matching distribution")

    monkeypatch.setattr("suite.workers.environments.build", build)
    known = environments({}, releases=[Release("mxnet", "99.0")])
    left_out = build_all([known["mxnet==99.0"], known["torch"]], quiet.say)
    assert left_out == {"mxnet==99.0": "mxnet==99.0 can't be installed: no matching distribution"}
    with pytest.raises(UserError, match="none of these releases can be run"):
        regress("mxnet==99.0")


def test_same_bits_do_not_fail_even_at_the_strictest_threshold(releases):
    assert rmsuite("regress", *releases, "--no-timing", "--fail-on", "bits", "-k", "scratch")[0] == 0


def test_releases_are_timed_and_another_dialect_fails_at_the_threshold_dialect(tmp_path, releases):
    status, _, err = rmsuite("regress", *releases, "--size", "10", "--rounds", "2", "--fail-on", "dialect")
    assert status == 1, err
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    assert history["benchmark"] == "step/10"
    for row in history["history"]:
        assert row["untimed"] is None
        assert row["time"]["seconds"] > 0
        assert (row["time"]["ratio"] is None) == (row["version"] == "1.0")
    page = (tmp_path / "out" / "history.md").read_text()
    assert "| step/10, µs | ratio to the release before | conclusion |" in page


def test_an_implementation_that_is_gone_is_not_timed():
    entry = HistoryEntry("torch/section", "", "torch==2.0", "2.0", identity({}), ReleaseChange.GONE)
    timed_releases, store = [], SimpleNamespace(rows=lambda table: [])
    job = SimpleNamespace(hellos={"torch==2.0": {"implementations": {}}}, bench=timed_releases.append, store=store)
    assert timed(job, [entry]) == [entry]
    assert timed_releases == [{}]


def test_a_baseline_stores_a_release_under_its_frameworks_name(options, quiet, numpy_python):
    case, python = {"cases": ["decades/plain"]}, {"torch": numpy_python, "torch==2.0": numpy_python}
    old = record(options(frameworks=["torch"], pythons=python, **case), quiet)
    new = record(options(frameworks=["torch==2.0"], pythons=python, **case), quiet, old)
    assert list(new.frameworks) == ["torch"]
    assert {change.kind for change in compare(old, new)} == {ChangeKind.SAME}
    with pytest.raises(UserError, match="one release of a framework"):
        record(options(frameworks=["torch", "torch==2.0"], pythons=python, **case), quiet)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["jax==0.4"], "rmsuite: no framework 'jax'"),
        (["torch==new"], "rmsuite: 'new' is not a version"),
    ],
)
def test_an_invalid_release_is_an_error_of_one_line(arguments, message):
    status, out, err = rmsuite("regress", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith(message)
    assert len(err.splitlines()) == 1
