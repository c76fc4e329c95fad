"""torch's modes: one tensor at a time, many at once, and compiled, in replays and in training."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support.replays import require_environment
from tests.test_architecture import ROOT

pytestmark = pytest.mark.framework("torch")

CODE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from dataclasses import replace
from reference import Hyperparameters
from suite import adapters
from suite.cases import datasets, tasks
from suite.workers import replay

torch = adapters.load("torch", "cpu")
torch.set_threads(1)
def bits(implementation):
    parts = [torch.numpy(p) for p in implementation.parameters]
    parts += [part for name, arrays in sorted(implementation.state().items()) for part in arrays]
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts).hex()
"""


def run_in_torch(code: str, *arguments: str):
    """Run a program in torch's environment, and return the JSON that it prints."""
    command = [require_environment("torch").python, "-c", CODE + code, str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


EPOCH = """
def run(counts):
    task = tasks.regression(datasets.generated(), 0)
    problem = replay.make_problem(torch, task.arrays(), "float32")
    scheduled = [0.01 * 0.99**step for step in range(task.steps)]
    more = {"momentum": 0.5, "bias_correction": True} if sys.argv[2].startswith("scratch") else {}
    h = replace(task.hyperparameters, learning_rate=scheduled, **more)
    implementation, first = replay.Setup(torch, sys.argv[2], "torch", h, "float32").create(problem.parameters), 0
    for count in counts:
        gradients = implementation.train(problem, first, count)
        first += count
    last = b"".join(torch.numpy(g).tobytes() for g in gradients).hex()
    return [implementation.steps, bits(implementation), last]
print(json.dumps([run([1] * 300), run([150, 150]), run([1, 7, 142, 150])]))
"""


@pytest.mark.parametrize("name", ["scratch", "scratch-foreach", "scratch-compiled", "section", "section-concise"])
def test_an_epoch_in_one_call_gives_the_same_bits_as_its_steps_one_by_one(name):
    one_by_one, two_calls, four_calls = run_in_torch(EPOCH, name)
    assert one_by_one[0] == 300
    assert two_calls == one_by_one
    assert four_calls == one_by_one


SEVERAL_TENSORS = """
def run(name, dtype):
    random = np.random.default_rng(0)
    shapes = [(5,), (), (2, 3), (7,), (0,), (4, 1)]
    parameters = [torch.parameter(random.standard_normal(shape), dtype) for shape in shapes]
    h = Hyperparameters(momentum=0.5, centered=True, epsilon=0.01, weight_decay=0.1, rescale_gradient=0.3)
    implementation = replay.Setup(torch, name, "keras3", h, dtype).create(parameters)
    for _ in range(3):
        implementation.step([torch.tensor(random.standard_normal(shape), dtype) for shape in shapes])
    return bits(implementation)
print(json.dumps([run(name, sys.argv[2]) for name in ("scratch", "scratch-foreach")]))
"""


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_several_tensors_at_once_give_the_same_bits_as_one_after_another(dtype):
    one_by_one, at_once = run_in_torch(SEVERAL_TENSORS, dtype)
    assert at_once == one_by_one


BLOCKS = """
from suite.adapters.torch import scratch
def run(block, name):
    scratch.BLOCK = block
    random = np.random.default_rng(0)
    shapes = [(40, 25), (7,)]
    parameters = [torch.parameter(random.standard_normal(shape), "float32") for shape in shapes]
    h = Hyperparameters(momentum=0.5, centered=True, epsilon=0.01)
    implementation = replay.Setup(torch, name, "torch", h, "float32").create(parameters, [1.0, 0.5])
    for _ in range(3):
        implementation.step([torch.tensor(random.standard_normal(shape), "float32") for shape in shapes])
    return [len(implementation.pieces), bits(implementation)]
print(json.dumps([run(block, name) for name in ("scratch", "scratch-foreach") for block in (1 << 20, 1 << 10)]))
"""


def test_a_large_parameter_updated_in_blocks_gives_the_same_bits():
    full, blocks, full_foreach, blocks_foreach = run_in_torch(BLOCKS)
    assert (full[0], blocks[0], full_foreach[0], blocks_foreach[0]) == (2, 5, 2, 5)
    assert full[1] == blocks[1] == full_foreach[1] == blocks_foreach[1]


ONE_PROGRAM = """
from suite.adapters.torch import scratch
def run(rate, decay, epsilon, dtype):
    x = torch.parameter(np.ones(3), dtype)
    h = Hyperparameters(learning_rate=rate, decay=decay, epsilon=epsilon)
    implementation = replay.Setup(torch, "scratch-compiled", "d2l", h, dtype).create([x])
    implementation.step([torch.tensor(np.array([1.0, 2.0, 3.0]), dtype)])
    return [torch.numpy(x).tolist(), len(scratch.PROGRAMS)]
print(json.dumps([run(0.1, 0.9, 1e-6, "float64"), run(0.3, 0.99, 1e-3, "float64")]))
"""


def test_a_compiled_program_serves_all_hyperparameters_in_double_precision():
    (first, programs), (second, same) = run_in_torch(ONE_PROGRAM)
    assert (programs, same) == (1, 1)
    for found, (rate, decay, epsilon) in ((first, (0.1, 0.9, 1e-6)), (second, (0.3, 0.99, 1e-3))):
        for x, g in zip(found, (1.0, 2.0, 3.0), strict=True):
            expected = 1 - rate * g / ((1 - decay) * g * g + epsilon) ** 0.5
            assert abs(x - expected) <= 2**-49  # sixteen roundings of numbers of at most 1; float32 would leave 2^-26
