"""`rmsuite baseline` end to end: traces of the NumPy framework are recorded, patched and checked."""

from __future__ import annotations

import json
import platform
import xml.etree.ElementTree as ET

import pytest

from suite.regression.baseline import Baseline
from suite.regression.comparison import ChangeKind, compare
from suite.regression.recording import record
from tests.suite.cli.test_commands import rmsuite
from tests.support.replays import require_environment

CASES = ["decades/plain", "decades/large-epsilon", "decades/long-memory", "law/restoration", "law/gradient"]


@pytest.fixture
def record_baseline(options, quiet):
    """Return a function that records a baseline of `builtin`, patched as the variable PATCHED requires."""

    def make(known=None, **given):
        return record(options(**{"implementations": ["builtin"], "cases": CASES, **given}), quiet, known)

    return make


PATCHES = {
    "epsilon": (ChangeKind.BEYOND, ChangeKind.BEYOND, ChangeKind.BEYOND, ChangeKind.SAME, ChangeKind.SAME),
    "decay": (ChangeKind.BEYOND, ChangeKind.BEYOND, ChangeKind.BEYOND, ChangeKind.SAME, ChangeKind.SAME),
    "stale": (ChangeKind.BEYOND, ChangeKind.BEYOND, ChangeKind.BEYOND, ChangeKind.SAME, ChangeKind.SAME),
    "complement": (ChangeKind.ROUNDING, ChangeKind.ROUNDING, ChangeKind.BEYOND, ChangeKind.SAME, ChangeKind.SAME),
    "fma": (ChangeKind.ROUNDING, ChangeKind.ROUNDING, ChangeKind.ROUNDING, ChangeKind.SAME, ChangeKind.SAME),
    "order": (ChangeKind.ROUNDING, ChangeKind.ROUNDING, ChangeKind.ROUNDING, ChangeKind.SAME, ChangeKind.SAME),
    "momentum-not-saved": (ChangeKind.SAME, ChangeKind.SAME, ChangeKind.SAME, ChangeKind.BROKEN, ChangeKind.SAME),
    "changes": (ChangeKind.BROKEN, ChangeKind.BROKEN, ChangeKind.BROKEN, ChangeKind.SAME, ChangeKind.BROKEN),
    "raises": (ChangeKind.BROKEN, ChangeKind.BROKEN, ChangeKind.BROKEN, ChangeKind.BROKEN, ChangeKind.BROKEN),
    "": (ChangeKind.SAME, ChangeKind.SAME, ChangeKind.SAME, ChangeKind.SAME, ChangeKind.SAME),
}
AXES = {
    "epsilon": {"epsilon": ("inside", "outside")},
    "decay": {"hyperparameter decay": (0.999, 0.83)},
    "complement": {"decay_complement": ("exact", "working")},
}


def test_each_patch_gets_its_kind_of_change_and_the_axis_is_named(record_baseline, monkeypatch):
    old = record_baseline()
    for patch, kinds in PATCHES.items():
        monkeypatch.setenv("PATCHED", patch)
        found = {change.key.case: change for change in compare(old, record_baseline(old))}
        assert tuple(found[case].kind for case in CASES) == kinds, patch
        if patch in AXES:
            assert AXES[patch] in found["decades/long-memory"].axes
        for change in found.values():
            if change.kind is ChangeKind.ROUNDING:
                assert 1 <= change.difference.ulps < 1000
            elif change.kind is ChangeKind.BEYOND:
                assert change.difference.first_step == 1


def test_changed_bits_of_the_same_release_are_attributed_to_the_instruction_set(record_baseline, monkeypatch):
    old = record_baseline(cases=CASES[:2])
    monkeypatch.setenv("PATCHED", "fma")
    monkeypatch.setenv("KERNELS", "fused")
    assert {change.kind for change in compare(old, record_baseline(old, cases=CASES[:2]))} == {ChangeKind.INSTRUCTIONS}
    monkeypatch.setenv("RELEASE", "0.1")
    assert {change.kind for change in compare(old, record_baseline(old, cases=CASES[:2]))} == {ChangeKind.ROUNDING}


@pytest.mark.framework("torch")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the variable selects an x86 instruction set")
def test_torch_without_fma_moves_within_rounding_because_of_the_instruction_set(record_baseline, monkeypatch):
    require_environment("torch")
    chosen = {"cases": ["decades/momentum", "decades/long-memory"], "pythons": {}, "dtypes": ["float32", "float64"]}
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    old = record_baseline(**chosen)
    kernels = old.frameworks["torch"]["instructions"]["kernels"]
    if kernels == "DEFAULT":
        pytest.skip("this processor has no other kernels")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    new = record_baseline(old, **chosen)
    assert new.frameworks["torch"]["instructions"] == {"kernels": "DEFAULT", "ATEN_CPU_CAPABILITY": "default"}
    changes = compare(old, new)
    assert {change.kind for change in changes} == {ChangeKind.INSTRUCTIONS}
    assert all(change.difference.ulps < 100 for change in changes)


def test_bits_do_not_depend_on_the_other_selected_cases(record_baseline):
    few, more = record_baseline(cases=["spike/plain"]), record_baseline(cases=["decades/plain", "spike/plain"])
    assert {change.kind for change in compare(few, more)} == {ChangeKind.SAME, ChangeKind.NEW}
    assert more.records.keys() - few.records.keys() == {key for key in more.records if key.case == "decades/plain"}


def test_traces_with_known_bits_are_not_compared_with_the_oracle_again(record_baseline, monkeypatch):
    old = record_baseline()

    def compared(*_):
        raise AssertionError("compared again")

    monkeypatch.setattr("suite.conformance.verdicts.Verdicts.findings", compared)
    assert record_baseline(old).records == old.records


def test_a_baseline_records_the_verdicts(record_baseline, tmp_path):
    recorded = record_baseline(implementations=["builtin", "raises", "refuses"])
    recorded.write(tmp_path / "b")
    read = Baseline.read(tmp_path / "b")
    found = {(key.implementation, key.case): one for key, one in read.records.items()}
    assert found["builtin", "decades/plain"].outcome == "agrees"
    assert "d2l" in found["builtin", "decades/plain"].fits
    assert found["builtin", "law/restoration"].digest is None
    assert found["raises", "decades/plain"].outcome == "failed"
    assert "no kernel" in found["raises", "decades/plain"].reason
    assert found["refuses", "decades/plain"].outcome == "unsupported"
    assert read.version("torch") == "0.0"
    assert read.frameworks["torch"]["instructions"] == {"kernels": "plain"}


def test_the_command_records_and_checks_with_the_exit_status_of_the_threshold(tmp_path, numpy_python, monkeypatch):
    folder, python = tmp_path / "b", ("--python", f"torch={numpy_python}")
    chosen = ("-i", "torch/builtin", "-c", "decades", "--dtype", "float32", "-k", "plain or long-memory")
    status, out, err = rmsuite("baseline", "record", folder, *chosen, *python)
    assert (status, out) == (0, "torch 0.0: 2 recorded\n")
    assert "wrote 3 files" in err
    status, _, err = rmsuite("baseline", "record", folder, *chosen, *python)
    assert (status, err) == (
        2,
        f"rmsuite: {folder} holds a baseline already; replace it with --replace\n",
    )

    status, out, _ = rmsuite("baseline", "check", folder, *python, "--fail-on", "bits")
    assert status == 0
    assert out.splitlines()[-1] == "torch 0.0: 2 same bits"

    monkeypatch.setenv("PATCHED", "complement")
    status, out, _ = rmsuite("baseline", "check", folder, *python, "-c", "plain", "--fail-on", "dialect")
    assert status == 0
    assert "torch/builtin: moved within rounding in decades/plain float32: from step" in out
    status, out, _ = rmsuite("baseline", "check", folder, *python, "--json", "--junit", tmp_path / "junit.xml")
    assert status == 1
    found = json.loads(out)
    assert found["counts"] == {"moved within rounding": 1, "moved beyond": 1}
    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "2")
    failed = suite.find("testcase[@name='decades/long-memory']/failure")
    assert failed.get("type") == "moved beyond"
    assert f"rmsuite baseline check -i torch/builtin {folder} -c decades/long-memory --dtype float32" in failed.text


def test_another_catalogue_is_refused_before_a_framework_is_started(record_baseline, tmp_path):
    recorded = record_baseline(cases=CASES[:1])
    recorded.manifest["catalogue"] = "3"
    recorded.write(tmp_path / "b")
    status, out, err = rmsuite("baseline", "check", tmp_path / "b")
    assert (status, out) == (2, "")
    assert err.startswith("rmsuite: the catalogue has changed: the baseline has version 3, this release has version")
    assert err.count("\n") == 1
