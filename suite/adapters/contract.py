"""What an adapter is. To write one, copy the folder `torch` and change every line that says `torch`.

An adapter is a folder of the framework's name, with one `Adapter(Framework)` and one class an implementation:

- `Framework` moves arrays in and out, differentiates, waits for the device, and lists its implementations. All tensors
  that it makes live on its device. It is given arrays as they were recorded, in float32 mostly, and the name of the
  format that is wanted: it is the framework that rounds, to nearest, ties to even.
- `Implementation` is one way to run RMSProp, bound to the parameters that it changes. It is told hyper-parameters by
  the field's names and always passes every one of them on explicitly, under the framework's own (`names`). What it
  cannot express, it says (`unsupported`); what it computes, it declares (`declared`), and the suite finds out whether
  that is so: of each release it declares the same, so that one that computes something else is found, not told. It
  steps on gradients that it is given (`step`), and runs a training loop (`descend`): step by step, or, where its mode
  compiles, as one program. A mode that users choose between is an implementation of its own.
- `scratch` runs any dialect with the framework's own operations, in place; `scratch-…` does in another mode.
- `section` is the section's own loop, written out, against which training loops are timed.

An adapter never sees an expected result, and knows nothing of cases, files or processes. It may import its framework,
NumPy, `reference` and this module. It runs on CPython 3.9 and newer.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from reference import Dialect, Hyperparameters
from suite.errors import UserError

Tensor = Any
Array = NDArray[Any]
State = dict[str, list[Array]]

DTYPES = ("float16", "bfloat16", "float32", "float64")
"""The formats that a run may be asked for."""

BASIC = frozenset({"learning_rate", "decay", "epsilon"})
"""The hyper-parameters that every RMSProp has."""


class Unsupported(Exception):
    """A framework or an implementation can't do what is asked for; the message says what, and why."""


@dataclass(frozen=True)
class Problem:
    """What a closed loop minimises.

    Attributes:
        parameters: at their start.
        loss: a scalar tensor, as a function of the parameters and the tensors of a batch.
        batches: what each step sees, in order; after the last comes the first. Nothing, where a step sees the whole.
        length: steps to an epoch.
        arrays: what it was made from, for a loop that brings its own way of loading data.
    """

    parameters: list[Tensor]
    loss: Callable[..., Tensor]
    batches: Sequence[tuple[Tensor, ...]]
    steps_per_epoch: int
    arrays: Mapping[str, Array]

    def loss_at(self, parameters: list[Tensor], step: int) -> Tensor:
        """The loss that a step, counted from 0, sees."""
        return self.loss(*parameters, *self.batches[step % len(self.batches)])


class Implementation(ABC):
    """One way to run RMSProp, bound to parameters.

    Attributes:
        native: what a user of the framework would call it.
        mode: how it is run: `eager`, `foreach`, `compiled`, ….
        lean: whether few questions are enough, in one dtype and the first two dialects: since each costs a compilation
            of what others say already, or since it is a loop of which the update is no news.
        computes: the name of the dialect that it computes; None if it runs any.
        names: our name of a hyper-parameter -> the framework's, for those that it takes.
        unsupported_dtypes: format of `DTYPES` -> why it does not run in it.
        zero_disables: those hyper-parameters of `names` that are bounds and of which it takes 0 for none.
        sparse: what it does in place of taking a sparse gradient; None if it takes one.
        unsupported_rate_scale: what it does in place of giving each parameter a learning rate; None if it gives one.
        max_steps: the most steps that it is asked for, where each takes half a millisecond and more.
        twin: the implementation of the same framework that it must equal to the bit, if there is one.
    """

    native: ClassVar[str]
    mode: ClassVar[str] = "eager"
    lean: ClassVar[bool] = False
    computes: ClassVar[str | None] = None
    names: ClassVar[Mapping[str, str]]
    unsupported_dtypes: ClassVar[Mapping[str, str]] = {}
    zero_disables: ClassVar[Sequence[str]] = ()
    unsupported_sparse: ClassVar[str | None] = None
    unsupported_rate_scale: ClassVar[str | None] = None
    max_steps: ClassVar[int | None] = None
    twin: ClassVar[str | None] = None

    def __init__(
        self,
        parameters: list[Tensor],
        h: Hyperparameters,
        dialect: Dialect,
        framework: Framework,
        rate_scale: Sequence[float] | None = None,
    ) -> None:
        """Bind parameters.

        Args:
            parameters: that it changes in place.
            h: hyper-parameters.
            dialect: to run, if it runs any.
            framework: that the parameters belong to.
            rate_scale: a factor on the learning rate for each parameter; None: the same rate for all.

        Raises:
            Unsupported: if it refuses these parameters.
        """
        self.parameters = parameters
        self.h = h
        self.dialect = dialect
        self.framework = framework
        self.rate_scale = rate_scale
        self.steps = 0
        self.prepare(dialect)
        self.set_rate(h.rate(0))

    @classmethod
    def declared(cls, h: Hyperparameters) -> str | None:  # noqa: ARG003
        """The name of the dialect that it computes with these hyper-parameters; None if it runs any."""
        return cls.computes

    @classmethod
    def unsupported(cls, h: Hyperparameters, dtype: str) -> str | None:
        """Why it can't run so; None if it can."""
        if dtype in cls.unsupported_dtypes:
            return f"{cls.native} does not run in {dtype}: {cls.unsupported_dtypes[dtype]}"
        missing = effective(h) - set(cls.names)
        if missing:
            return f"{cls.native} has no {', '.join(sorted(missing))}"
        unbounded = [cls.names[name] for name in cls.zero_disables if getattr(h, name) == 0]
        return f"{cls.native} takes {unbounded[0]}=0 for no bound" if unbounded else None

    @abstractmethod
    def prepare(self, dialect: Dialect) -> None:
        """Build the optimizer for `self.parameters` and `self.h`; raise Unsupported if it refuses these parameters."""

    def set_rate(self, learning_rate: float) -> None:
        """Take a learning rate from now on; called before the first step, and when the rate changes.

        `rates` has that of each parameter: that of the step, times the parameter's factor, in double precision.
        """
        scales = self.rate_scale or [1.0] * len(self.parameters)
        self.rates = [self.native_rate(learning_rate * scale) for scale in scales]

    def native_rate(self, learning_rate: float) -> Any:
        """A learning rate as it is handed on; rounding it is left to the framework."""
        return learning_rate

    def step(self, gradients: list[Tensor]) -> None:
        """Change the parameters in place by one step; `gradients` are left as they are."""
        if self.h.scheduled:
            self.set_rate(self.h.rate(self.steps))
        self.update(gradients)
        self.steps += 1

    @abstractmethod
    def update(self, gradients: list[Tensor]) -> None:
        """One step, with the learning rates that were set."""

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """Take so many steps of a closed loop on `problem`, of which `self.parameters` are the parameters.

        Args:
            problem: whose gradients the framework's differentiation makes.
            first: the step to begin with, counted from 0; what was asked for before ended there.
            count: how many, at least one.

        Returns:
            The gradients that the last step used.
        """
        gradients: list[Tensor] = []
        for step in range(first, first + count):
            gradients = self.framework.gradients(lambda: problem.loss_at(self.parameters, step), self.parameters)  # noqa: B023
            self.step(gradients)
        return gradients

    @abstractmethod
    def state(self) -> State:
        """What it remembers, in the oracle's terms, an array a parameter: `square_average`, and `mean_gradient` and
        `momentum_buffer` where there are such. Empty where the framework doesn't show it.
        """  # noqa: D205

    def named_state(self, v: Sequence[Tensor], m: Sequence[Tensor], b: Sequence[Tensor]) -> State:
        """The parts of the state that there are; an empty sequence is none."""
        parts = {"square_average": v, "mean_gradient": m, "momentum_buffer": b}
        return {name: [self.framework.numpy(t) for t in tensors] for name, tensors in parts.items() if tensors}

    @abstractmethod
    def save(self) -> Any:
        """What it remembers, as the framework saves it; later steps don't change it."""

    @abstractmethod
    def restore(self, saved: Any) -> None:
        """Remember what another one had `saved`."""

    def restored(self, parameters: list[Tensor]) -> Implementation:
        """A new one, bound to other parameters, that goes on from what is saved of this one."""
        other = type(self)(parameters, self.h, self.dialect, self.framework, self.rate_scale)
        other.restore(self.save())
        other.steps = self.steps
        return other

    def native_arguments(self, learning_rate: float) -> dict[str, Any]:
        """Every hyper-parameter that it takes, under the framework's name."""
        return to_native(self.names, self.h, learning_rate)


class Framework(ABC):
    """One framework on one device.

    Attributes:
        name: the framework's.
        implementations: name -> class; `scratch` and `builtin` are always among them.
        environment_variables: the environment variables that choose among its kernels, and so may change last bits.
    """

    name: ClassVar[str]
    environment_variables: ClassVar[Sequence[str]] = ()
    implementations: ClassVar[Mapping[str, type[Implementation]]]

    def __init__(self, device: str) -> None:
        """Raise UserError, naming the devices that there are, if `device` (cpu, cuda:0, …) is not one of them."""
        if device not in self.devices():
            raise UserError(f"{self.name} has no device {device!r} here, only {', '.join(self.devices())}")
        self.device = device

    def device_scope(self) -> AbstractContextManager[Any]:
        """The scope of all work, for a framework that would choose a device by itself; who calls it has entered it."""
        return nullcontext()

    @staticmethod
    @abstractmethod
    def versions() -> dict[str, str]:
        """Distribution -> version, of the framework and what of it computes; `numpy` too."""

    @staticmethod
    def instructions() -> dict[str, str]:
        """What it says of the instruction set that its kernels are chosen for: name -> value; empty if nothing."""
        return {}

    @staticmethod
    @abstractmethod
    def devices() -> list[str]:
        """The devices that it sees: `cpu`, `cuda:0`, …."""

    @staticmethod
    @abstractmethod
    def set_threads(threads: int) -> int:
        """Ask for a number of threads; returns what the framework then says that it uses. Called before any work."""

    @abstractmethod
    def tensor(self, array: Array, dtype: str) -> Tensor:
        """A copy of the array, in the same shape, rounded to a format of `DTYPES`."""

    @abstractmethod
    def parameter(self, array: Array, dtype: str) -> Tensor:
        """The same, in the form that the optimizers change in place and that gradients are taken for."""

    @abstractmethod
    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:
        """A gradient that is zero but in some rows, as the framework's own differentiation would make it.

        Args:
            rows: which, int64, shape (k,), in any order; where one occurs twice, its values add up.
            values: shape (k, width).
            shape: of the parameter, (height, width).
            dtype: as in `tensor`.

        Raises:
            Unsupported: if the framework has no such gradients.
        """

    @abstractmethod
    def full_like(self, parameter: Tensor, value: float) -> Tensor:
        """State for a parameter: its shape, dtype and device; changed in place by scratch implementations."""

    @abstractmethod
    def assign(self, tensors: Sequence[Tensor], arrays: Sequence[Array]) -> None:
        """Write arrays over tensors, in place."""

    @abstractmethod
    def strided(self, tensor: Tensor) -> Tensor:
        """The same, a parameter if it was one, but transposed in memory and with a gap after each number.

        Raises:
            Unsupported: if the framework has no such tensors.
        """

    @abstractmethod
    def numpy(self, tensor: Tensor) -> Array:
        """A copy that later steps don't change; bfloat16 as float32, which loses nothing; what is sparse as dense."""

    @abstractmethod
    def dtype(self, tensor: Tensor) -> str:
        """The tensor's dtype, by its name in `DTYPES`."""

    @abstractmethod
    def synchronize(self, tensors: list[Tensor]) -> None:
        """Return when all work that these tensors wait for is done."""

    @abstractmethod
    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:
        """The gradient of a scalar loss for each parameter, by the framework's automatic differentiation."""

    @abstractmethod
    def quadratic(self, x: Tensor, rotated: bool) -> Tensor:
        """0.1 x1² + 2 x2², or with x1 + x2 and x1 - x2 in place of x1 and x2; x has shape (2,)."""

    @abstractmethod
    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """½ mean (features w + b - labels)²; shapes (n, 1), (1,), (batch, n), (batch, 1)."""

    @abstractmethod
    def cross_entropy(self, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """The mean cross-entropy of softmax(relu(features w1 + b1) w2 + b2) with classes that are numbered.

        Shapes (n, hidden), (hidden,), (hidden, classes), (classes,), (batch, n), and (batch,) of int64.
        """

    def traffic(self, x: Tensor, v: Tensor, g: Tensor) -> Callable[[], None] | None:  # noqa: ARG002
        """What moves the memory that an update must, and does next to nothing else: it adds g to x and to v, in
        place, in one pass. None where the framework can't fuse the two.
        """  # noqa: D205
        return None


def effective(h: Hyperparameters) -> set[str]:
    """The hyper-parameters that are set to something that has an effect."""
    plain = Hyperparameters()
    return {f.name for f in fields(h) if f.name in BASIC or getattr(h, f.name) != getattr(plain, f.name)}


def to_native(names: Mapping[str, str], h: Hyperparameters, learning_rate: float) -> dict[str, Any]:
    """Our hyper-parameters under a framework's names: all that it takes, with the learning rate of one step."""
    return {theirs: learning_rate if ours == "learning_rate" else getattr(h, ours) for ours, theirs in names.items()}


def from_native(names: Mapping[str, str], arguments: Mapping[str, Any]) -> Hyperparameters:
    """A framework's arguments as our hyper-parameters; what is not given has our default.

    Raises:
        ValueError: if an argument is none that the framework takes.
    """
    ours = {theirs: mine for mine, theirs in names.items()}
    unknown = set(arguments) - set(ours)
    if unknown:
        raise ValueError(f"no hyper-parameter {', '.join(sorted(unknown))}; there are {', '.join(sorted(ours))}")
    return Hyperparameters(**{ours[name]: value for name, value in arguments.items()})


def flatten(arrays: Sequence[Array]) -> Array:
    """Arrays one after another as a vector."""
    return np.concatenate([np.ravel(array) for array in arrays])


def unflatten(vector: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """A vector as arrays of these shapes, one after another: what `flat` makes one of."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(vector, ends[:-1]), shapes)]
