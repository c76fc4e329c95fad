"""What an optimizer is, found out by asking."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from reference import Dialect, dialects
from suite.cases.random import Bits
from suite.diagnosis.candidates import canonical_dialect
from suite.diagnosis.mistakes.arithmetic import all_orders
from suite.identification.defaults import UNSAID
from suite.identification.design import Outlook
from suite.identification.hypotheses import Hypothesis, Space
from suite.identification.identify import identify
from suite.identification.naming import Name, names, treated
from suite.identification.probes import covering, family
from suite.identification.report import lines, to_json
from tests.support.identified import Evaluated, Stepped

SOME = ("learning_rate", "decay", "epsilon", "momentum", "centered", "weight_decay", "clip_gradient")


@pytest.mark.parametrize("name", ["torch", "keras3", "tf1", "mxnet1", "nd4j"])
def test_a_named_dialect_is_named(name):
    found = identify(Evaluated(dialects[name], SOME))
    assert found.identified
    assert Name(name, {}) in found.names
    for axis, value in dialects[name].axes().items():
        assert value == "either" or value in found.survivors.values(axis)
    assert all(dialects[one.dialect].epsilon == dialects[name].epsilon for one in found.names)


def test_what_is_not_taken_leaves_axes_undecided_and_says_so():
    found = identify(Evaluated(dialects["torch"], SOME[:3], ["float32"], sparse=False))
    assert {one.dialect for one in found.names} >= {"torch", "mlx", "chainer"}
    why = found.undecided
    assert why["learning_rate"] == "it takes no momentum"
    assert why["hyperparameter_rounding"] == "it does not run in float64"
    assert why["sparse"] == "it takes no gradients of few rows"
    assert why["clipping"] == "it takes no clip_gradient, and it takes no weight_decay"
    assert found.survivors.values("epsilon") == ["outside", "inside with momentum", "inside when centered"]


@pytest.mark.parametrize("seed", [1])
def test_any_combination_of_axes_is_found_in_any_order_of_operations(seed):
    bits = Bits(seed)
    space = Space(SOME)
    axes = [field.name for field in fields(Dialect) if field.compare]
    draws = (bits.integers((len(axes) + 1,)) % 1000).astype(int)
    chosen = {axis: space.axes[axis].values[draw % len(space.axes[axis].values)] for axis, draw in zip(axes, draws)}
    order = all_orders()[int(draws[-1]) % len(all_orders())]
    found = identify(Evaluated(Dialect(**chosen), SOME, ["float32"], order=order))
    assert found.identified
    assert all(chosen[axis] in found.survivors.values(axis) for axis in axes)
    assert len(found.survivors.values("epsilon")) == 1


def test_the_same_is_asked_and_found_again():
    one, other = (identify(Evaluated(dialects["keras2"], SOME[:3], ["float32"])) for _ in range(2))
    assert to_json(one) == to_json(other)


def test_no_question_separates_what_is_left():
    found = identify(Evaluated(dialects["mlx"], SOME[:5], ["float32"], sparse=False))
    asked = {one.probe.id for one in found.asked}
    for probe in family(["float32"]):
        if probe.id not in asked and probe.needs <= {*SOME[:5], "schedule"}:
            facing = found.survivors.facing(probe)
            assert not Outlook(probe, facing.listed).apart().any()


def test_momentum_that_nobody_asked_for_is_read_and_placed():
    found = identify(Evaluated(dialects["sb3-tf"], SOME[:3], ["float32"], momentum=0.85))
    assert treated(found.survivors) == {"momentum": "0.85"}
    assert found.survivors.values("learning_rate") == ["outside"]
    assert [one.dialect for one in found.names] == ["sb3-tf"]


def test_numbers_of_its_own_are_read_before_anything_else():
    found = identify(Evaluated(dialects["timm-tf"], ["learning_rate"], ["float32"], decay=0.95, epsilon=1e-5))
    assert treated(found.survivors) == {"decay": "0.95", "epsilon": "1e-05"}
    assert "timm-tf" in [one.dialect for one in found.names]


def test_an_average_that_starts_elsewhere_departs_from_what_is_named():
    found = identify(Evaluated(replace(dialects["torch"], initial_accumulator=0.5), SOME[:4], ["float32"]))
    assert found.names[0].departures == {"initial_accumulator": (0.0, 0.5)}
    assert "has no name of its own" in "\n".join(lines(found))


def test_a_switch_that_is_always_on_is_found():
    found = identify(Evaluated(dialects["optax"], SOME[:3], ["float32"], bias_correction=True, centered=True))
    assert treated(found.survivors) == {"bias_correction": "always", "centered": "always"}


def test_what_is_no_rmsprop_is_refused_and_a_mistake_that_it_looks_like_is_no_proof():
    def update(x, v, g, h):
        return x - h["learning_rate"] * g / np.sqrt((v - (1 - h["decay"]) * g * g) / h["decay"] + h["epsilon"])

    found = identify(Stepped(update))
    assert not found.identified
    assert found.names == []
    assert to_json(found)["exit_status"] == 1
    assert [one.mistake.name for one in found.miss.resembles] == ["average updated after use"]
    assert "it looks like d2l with a mistake: average updated after use" in "\n".join(lines(found))


def test_who_answers_nothing_is_said_to():
    def update(*_):
        raise FloatingPointError

    found = identify(Stepped(update))
    assert not found.identified
    assert "answers nothing" in "\n".join(lines(found))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("torch", {"learning_rate": 0.01, "decay": 0.99, "epsilon": 1e-8}),
        ("burn", {"learning_rate": 0.02, "decay": 0.99, "epsilon": 1e-5, "momentum": 0.9, "weight_decay": 0.01}),
    ],
)
def test_defaults_are_read_without_being_told(name, own, dtype):
    own = {"momentum": 0.0, "weight_decay": 0.0, **own}
    asked = Evaluated(dialects[name], own, [dtype], sparse=False, defaults=own)
    asked.about = replace(asked.about, defaults=dict.fromkeys(own))
    found = identify(asked)
    assert {one.name: one.value for one in found.defaults.values} == own


def test_a_default_that_is_not_what_is_declared_is_told():
    asked = Evaluated(
        dialects["keras2"], SOME[:3], ["float32"], defaults={"learning_rate": 1e-3, "decay": 0.9, "epsilon": 1e-7}
    )
    asked.about = replace(asked.about, defaults={**asked.about.defaults, "epsilon": 1e-8})
    found = identify(asked)
    values = {one.name: one for one in found.defaults.values}
    assert (values["epsilon"].value, values["epsilon"].kept) == (1e-7, False)
    assert values["decay"].kept
    assert UNSAID not in [one.declared for one in values.values()]
    assert "declared as 1e-08, which is not so" in "\n".join(lines(found))


def test_an_axis_that_does_not_bear_on_a_question_changes_nothing_there():
    space, bits = Space(SOME), Bits(7)
    axes = list(space.axes.values())
    for probe in list(family())[::29]:
        idle = [axis for axis in axes if axis.name not in space.bearing(probe)]
        for _ in range(4):
            draws = (bits.integers((len(axes),)) % 1000).astype(int)
            one = Hypothesis()
            for axis, draw in zip(axes, draws):
                one = one.having(axis.name, axis.values[draw % len(axis.values)])
            for axis in idle:
                assert {one.having(axis.name, value).function(probe) for value in axis.values} == {one.function(probe)}


def test_confirming_questions_cover_every_pair_of_features():
    probes = [probe for probe in family() if probe.needs <= {*SOME, "schedule"}]
    chosen = list(covering(probes))
    pairs = {(a, b) for probe in probes for a in probe.features for b in probe.features}
    assert {(a, b) for probe in chosen for a in probe.features for b in probe.features} == pairs
    assert len(chosen) < len(probes) / 3


def test_a_dialect_that_leaves_an_axis_open_is_named_whatever_is_found_there():
    space = Space(SOME)
    probe = next(probe for probe in family() if probe.tape.subnormals)
    facing = space.everything().facing(probe)
    same = [one for one in facing.listed if one.dialect == canonical_dialect(dialects["d2l"], probe.tape)]
    kept = facing.only(same or [Hypothesis(replace(dialects["d2l"], subnormals="kept"))])
    assert Name("d2l", {}) in names(kept)


def test_who_says_more_of_what_was_found_is_named_first():
    found = identify(Evaluated(dialects["optax"], SOME[:3], ["float32"], sparse=False))
    assert [one.dialect for one in found.names][:2] == ["optax", "jax"]
