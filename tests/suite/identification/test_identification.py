"""Identification of optimizers: named dialects, unnamed combinations of axes, and optimizers that are not RMSProp."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from reference import Dialect, dialects
from suite.cases.random import Bits
from suite.diagnosis.candidates import canonical_dialect
from suite.diagnosis.mistakes.arithmetic import all_orders
from suite.identification.design import ExpectedTraces
from suite.identification.experiments import family, pairwise_covering
from suite.identification.hypotheses import Hypothesis, HypothesisSpace, NamedDialect
from suite.identification.report import lines, to_json
from tests.support.optimizers import AverageOptimizer, DialectOptimizer, identify

SUPPORTED = ("learning_rate", "decay", "epsilon", "momentum", "centered", "weight_decay", "clip_gradient")


@pytest.mark.parametrize("name", ["torch", "keras3", "tf1", "mxnet1", "nd4j"])
def test_an_optimizer_of_a_named_dialect_is_identified(name):
    found = identify(DialectOptimizer(dialects[name], SUPPORTED))
    assert found.identified
    assert NamedDialect(name, {}) in found.named_dialects
    for axis, value in dialects[name].axes().items():
        assert value == "either" or value in found.hypotheses.values(axis)
    assert all(dialects[one.dialect].epsilon == dialects[name].epsilon for one in found.named_dialects)


def test_axes_that_need_a_missing_capability_are_undecided_with_the_reason():
    found = identify(DialectOptimizer(dialects["torch"], SUPPORTED[:3], ["float32"], sparse=False))
    assert {one.dialect for one in found.named_dialects} >= {"torch", "mlx", "chainer"}
    reasons = found.undecided
    assert reasons["learning_rate"] == "it takes no momentum"
    assert reasons["hyperparameter_rounding"] == "it does not run in float64"
    assert reasons["sparse"] == "it takes no row-sparse gradients"
    assert reasons["clipping"] == "it takes no clip_gradient, and it takes no weight_decay"
    assert found.hypotheses.values("epsilon") == ["outside", "inside with momentum", "inside when centered"]


@pytest.mark.parametrize("seed", [1])
def test_any_combination_of_axes_is_identified_in_any_order_of_operations(seed):
    bits = Bits(seed)
    space = HypothesisSpace(SUPPORTED)
    axes = [field.name for field in fields(Dialect) if field.compare]
    draws = (bits.integers((len(axes) + 1,)) % 1000).astype(int)
    chosen = {axis: space.axes[axis].values[draw % len(space.axes[axis].values)] for axis, draw in zip(axes, draws)}
    order = all_orders()[int(draws[-1]) % len(all_orders())]
    found = identify(DialectOptimizer(Dialect(**chosen), SUPPORTED, ["float32"], order=order))
    assert found.identified
    assert all(chosen[axis] in found.hypotheses.values(axis) for axis in axes)
    assert len(found.hypotheses.values("epsilon")) == 1


def test_identification_is_reproducible():
    first, second = (identify(DialectOptimizer(dialects["keras2"], SUPPORTED[:3], ["float32"])) for _ in range(2))
    assert to_json(first) == to_json(second)


def test_no_experiment_separates_the_remaining_hypotheses():
    found = identify(DialectOptimizer(dialects["mlx"], SUPPORTED[:5], ["float32"], sparse=False))
    completed = {one.experiment.id for one in found.completed}
    for experiment in family(["float32"]):
        if experiment.id not in completed and experiment.needs <= {*SUPPORTED[:5], "schedule"}:
            expanded = found.hypotheses.expanded(experiment)
            assert not ExpectedTraces(experiment, expanded.listed).separated.any()


def test_a_momentum_that_cannot_be_set_is_estimated_and_its_axes_are_decided():
    found = identify(DialectOptimizer(dialects["sb3-tf"], SUPPORTED[:3], ["float32"], momentum=0.85))
    assert found.hypotheses.changed_hyperparameters() == {"momentum": "0.85"}
    assert found.hypotheses.values("learning_rate") == ["outside"]
    assert [one.dialect for one in found.named_dialects] == ["sb3-tf"]


def test_hyperparameters_that_cannot_be_set_are_estimated():
    found = identify(DialectOptimizer(dialects["timm-tf"], ["learning_rate"], ["float32"], decay=0.95, epsilon=1e-5))
    assert found.hypotheses.changed_hyperparameters() == {"decay": "0.95", "epsilon": "1e-05"}
    assert "timm-tf" in [one.dialect for one in found.named_dialects]


def test_an_unnamed_dialect_is_described_by_its_differences_from_the_nearest():
    found = identify(DialectOptimizer(replace(dialects["torch"], initial_accumulator=0.5), SUPPORTED[:4], ["float32"]))
    assert found.named_dialects[0].differences == {"initial_accumulator": (0.0, 0.5)}
    assert "is no named dialect; the nearest is" in "\n".join(lines(found))


def test_switches_that_are_always_on_are_detected():
    optimizer = DialectOptimizer(dialects["optax"], SUPPORTED[:3], ["float32"], bias_correction=True, centered=True)
    found = identify(optimizer)
    assert found.hypotheses.changed_hyperparameters() == {"bias_correction": "always", "centered": "always"}


def test_an_optimizer_that_is_not_rmsprop_is_described_by_a_similar_mistake():
    def update(x, v, g, h):
        return x - h["learning_rate"] * g / np.sqrt((v - (1 - h["decay"]) * g * g) / h["decay"] + h["epsilon"])

    found = identify(AverageOptimizer(update))
    assert not found.identified
    assert found.named_dialects == []
    assert to_json(found)["exit_status"] == 1
    assert [one.mistake.name for one in found.unexplained.similar] == ["average updated after use"]
    assert "it is similar to d2l with a mistake: average updated after use" in "\n".join(lines(found))


def test_an_optimizer_that_always_raises_is_not_identified():
    def update(*_):
        raise FloatingPointError

    found = identify(AverageOptimizer(update))
    assert not found.identified
    assert "is not identified, because no experiment succeeded: invalid operation" in "\n".join(lines(found))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("torch", {"learning_rate": 0.01, "decay": 0.99, "epsilon": 1e-8}),
        ("burn", {"learning_rate": 0.02, "decay": 0.99, "epsilon": 1e-5, "momentum": 0.9, "weight_decay": 0.01}),
    ],
)
def test_undeclared_defaults_are_estimated(name, defaults, dtype):
    defaults = {"momentum": 0.0, "weight_decay": 0.0, **defaults}
    optimizer = DialectOptimizer(dialects[name], defaults, [dtype], sparse=False, defaults=defaults)
    optimizer.description = replace(optimizer.description, defaults=dict.fromkeys(defaults))
    found = identify(optimizer)
    assert {one.name: one.value for one in found.defaults.values} == defaults


def test_a_default_that_differs_from_the_declared_one_is_reported():
    defaults = {"learning_rate": 1e-3, "decay": 0.9, "epsilon": 1e-7}
    optimizer = DialectOptimizer(dialects["keras2"], SUPPORTED[:3], ["float32"], defaults=defaults)
    optimizer.description = replace(optimizer.description, defaults={**defaults, "epsilon": 1e-8})
    found = identify(optimizer)
    values = {one.name: one for one in found.defaults.values}
    assert (values["epsilon"].value, values["epsilon"].as_declared) == (1e-7, False)
    assert values["decay"].as_declared
    assert all(one.is_declared for one in values.values())
    assert "differs from the declared 1e-08" in "\n".join(lines(found))


def test_an_irrelevant_axis_does_not_change_the_function_of_a_hypothesis():
    space, bits = HypothesisSpace(SUPPORTED), Bits(7)
    axes = list(space.axes.values())
    for experiment in list(family())[::29]:
        irrelevant = [axis for axis in axes if axis.name not in space.relevant_axes(experiment)]
        for _ in range(4):
            draws = (bits.integers((len(axes),)) % 1000).astype(int)
            hypothesis = Hypothesis()
            for axis, draw in zip(axes, draws):
                hypothesis = hypothesis.with_value(axis.name, axis.values[draw % len(axis.values)])
            for axis in irrelevant:
                functions = {hypothesis.with_value(axis.name, value).function(experiment) for value in axis.values}
                assert functions == {hypothesis.function(experiment)}


def test_confirming_experiments_cover_every_pair_of_features():
    experiments = [one for one in family() if one.needs <= {*SUPPORTED, "schedule"}]
    chosen = list(pairwise_covering(experiments))
    pairs = {(a, b) for one in experiments for a in one.features for b in one.features}
    assert {(a, b) for one in chosen for a in one.features for b in one.features} == pairs
    assert len(chosen) < len(experiments) / 3


def test_a_dialect_that_allows_either_value_of_an_axis_is_named_for_each_value():
    experiment = next(one for one in family() if one.tape.subnormals)
    expanded = HypothesisSpace(SUPPORTED).all().expanded(experiment)
    equivalent = [one for one in expanded.listed if one.dialect == canonical_dialect(dialects["d2l"], experiment.tape)]
    remaining = expanded.restricted(equivalent or [Hypothesis(replace(dialects["d2l"], subnormals="kept"))])
    assert NamedDialect("d2l", {}) in remaining.named_dialects()


def test_dialects_that_specify_more_of_the_tested_axes_come_first():
    found = identify(DialectOptimizer(dialects["optax"], SUPPORTED[:3], ["float32"], sparse=False))
    assert [one.dialect for one in found.named_dialects][:2] == ["optax", "jax"]
