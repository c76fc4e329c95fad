"""The contract of an adapter. To write one, copy the folder `torch` and change every line that says `torch`.

An adapter is a folder with the framework's name. It defines a class `Adapter(Framework)`, and one class for each way to
run RMSProp, an `Implementation`.

- `Framework` converts arrays to tensors and back, differentiates, waits for the device, and lists its implementations.
  All tensors that it makes are on its device. It is given arrays in the format in which they were recorded, usually
  float32, and the name of the format to run in: the framework itself rounds, to nearest, ties to even.
- `Implementation` is bound to the parameters that it changes. It takes the hyper-parameters under this project's names
  and passes every one of them to the framework explicitly, under the framework's name (`names`), so that a default that
  changes does not change a verdict. It says what it can't do (`unsupported`), and declares the dialect that it computes
  (`computes`): the same for every release, so that the suite finds a release that computes something else. It takes
  steps with given gradients (`step`), and runs a training loop (`train`), step by step or, where its mode compiles, as
  one program. Each mode that users choose between is an implementation of its own.
- `scratch` runs any dialect with the framework's own operations; `scratch-…` does so in another mode.
- `section` and `section-concise` are the loops of the book's section as printed; other loops are timed against them.

An adapter never sees an expected result, and knows nothing of cases, files or processes. It may import its framework,
NumPy, `reference` and the modules of `suite/adapters`. It runs on CPython 3.9 and newer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from numpy.typing import NDArray

from reference import Dialect, Hyperparameters
from suite.errors import UserError

Tensor = Any
Tensors = Sequence[Tensor]
Array = NDArray[Any]
State = dict[str, list[Array]]


class Unsupported(Exception):
    """A framework or an implementation can't do what was requested; the message says what, and why."""


@dataclass(frozen=True)
class Problem:
    """The training problem of a closed loop."""

    parameters: list[Tensor]  # with their initial values
    loss: Callable[..., Tensor]  # a scalar, as a function of the parameters and the tensors of a batch
    batches: Sequence[tuple[Tensor, ...]]  # one a step, then again from the first; one empty batch if there are no data
    arrays: Mapping[str, Array]  # of the task, for a loop that loads data in its own way


class Implementation(ABC):
    """One way to run RMSProp, bound to parameters.

    Attributes:
        native: the name that a user of the framework would give it.
        mode: how it runs: `eager`, `foreach`, `compiled`, ….
        lean: whether it is tested in one format and with the first two dialects only, because each further one costs a
            compilation, or because another implementation already covers this update.
        computes: the name of the dialect that it computes; None if it runs any dialect.
        names: hyper-parameter -> the framework's name for it; those that it does not take are missing.
        zero_disables: the limits among `names` for which it takes 0 as "no limit".
        twin: the implementation of the same framework whose results it must equal to the bit, if there is one.
        max_steps: the longest replay that it runs, if a step takes half a millisecond or more; None: no limit.
        unsupported_dtypes: dtype -> why it does not run in it.
        unsupported_sparse: what it does instead of taking a sparse gradient; None if it takes one.
        unsupported_rate_scale: what it does instead of giving each parameter its own learning rate; None if it does so.
    """

    native: ClassVar[str]
    mode: ClassVar[str] = "eager"
    lean: ClassVar[bool] = False
    computes: ClassVar[str | None] = None
    names: ClassVar[Mapping[str, str]]
    zero_disables: ClassVar[Sequence[str]] = ()
    twin: ClassVar[str | None] = None
    max_steps: ClassVar[int | None] = None
    unsupported_dtypes: ClassVar[Mapping[str, str]] = {}
    unsupported_sparse: ClassVar[str | None] = None
    unsupported_rate_scale: ClassVar[str | None] = None
    own_state: dict[str, list[Tensor]]  # what `slots` returns, if the framework does not keep the state itself

    def __init__(
        self,
        parameters: list[Tensor],
        h: Hyperparameters,
        dialect: Dialect,
        framework: Framework,
        rate_scale: Sequence[float] | None = None,
    ) -> None:
        """Bind parameters, which steps change in place; `rate_scale` has a factor on the learning rate for each.

        Raises Unsupported if it can't be bound to these.
        """
        self.parameters, self.h, self.dialect = parameters, h, dialect
        self.framework, self.rate_scale = framework, rate_scale
        self.steps = 0
        self.prepare()
        self.set_rate(h.rate(0))

    @classmethod
    def unsupported(cls, h: Hyperparameters, dtype: str) -> str | None:
        """Return why it can't run with these hyper-parameters in this format; None if it can."""
        if dtype in cls.unsupported_dtypes:
            return f"{cls.native} does not run in {dtype}: {cls.unsupported_dtypes[dtype]}"
        missing = effective(h) - set(cls.names)
        if missing:
            return f"{cls.native} has no {', '.join(sorted(missing))}"
        disabled = [cls.names[name] for name in cls.zero_disables if getattr(h, name) == 0]
        return f"{cls.native} takes {disabled[0]}=0 for no bound" if disabled else None

    @abstractmethod
    def prepare(self) -> None:
        """Build the optimizer for `self.parameters` and `self.h`; raise Unsupported if that is impossible."""

    def set_rate(self, learning_rate: float) -> None:
        """Use a learning rate from now on: `rates` has it for each parameter, times its factor, in double precision.

        It is called before the first step, and whenever the rate changes.
        """
        scales = self.rate_scale or [1.0] * len(self.parameters)
        self.rates = [self.native_rate(learning_rate * scale) for scale in scales]

    def native_rate(self, learning_rate: float) -> Any:
        """Return a learning rate in the form in which the framework takes it."""
        return learning_rate

    def step(self, gradients: list[Tensor]) -> None:
        """Change the parameters in place by one step; `gradients` must stay as they are."""
        if self.h.scheduled:
            self.set_rate(self.h.rate(self.steps))
        self.update(gradients)
        self.steps += 1

    @abstractmethod
    def update(self, gradients: list[Tensor]) -> None:
        """Take one step with the learning rates that were set."""

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """Take steps of a closed loop on a problem that has the same parameters; return the last step's gradients.

        There is at least one step; `first`, counted from 0, is where the previous call ended.
        """
        x, batches, gradients = self.parameters, problem.batches, []
        for step in range(first, first + count):
            loss = partial(problem.loss, *x, *batches[step % len(batches)])
            gradients = self.framework.gradients(loss, x)
            self.step(gradients)
        return gradients

    def slots(self) -> Mapping[str, Tensors]:
        """Return the state's tensors, one for each parameter, for each part that there is, under the oracle's names.

        The parts are `square_average`, `mean_gradient` and `momentum_buffer`; none, if the framework hides its state.
        """
        return self.own_state

    def state(self) -> State:
        """Return the values of the state, without the momentum buffer if momentum is 0."""
        unused = () if self.h.momentum else ("momentum_buffer",)
        return {name: self.values(tensors) for name, tensors in self.slots().items() if tensors and name not in unused}

    def values(self, tensors: Tensors) -> list[Array]:
        """Return the values of tensors."""
        return [self.framework.numpy(tensor) for tensor in tensors]

    def save(self) -> Any:
        """Return the state in the form in which the framework saves it, if it does, independent of later steps."""
        return {name: self.values(tensors) for name, tensors in self.slots().items()}

    def restore(self, saved: Any) -> None:
        """Take over what `save` of another one returned."""
        slots = self.slots()
        for name, arrays in saved.items():
            self.framework.assign(slots[name], arrays)

    def restored(self, parameters: list[Tensor]) -> Implementation:
        """Return a new one that is bound to other parameters and continues from the saved state of this one."""
        other = type(self)(parameters, self.h, self.dialect, self.framework, self.rate_scale)
        other.restore(self.save())
        other.steps = self.steps
        return other

    def native_arguments(self, learning_rate: float) -> dict[str, Any]:
        """Return every hyper-parameter that it takes, under the framework's name, with one step's learning rate."""
        arguments = {theirs: getattr(self.h, ours) for ours, theirs in self.names.items()}
        return {**arguments, self.names["learning_rate"]: learning_rate}


class Framework(ABC):
    """One framework on one device."""

    name: ClassVar[str]
    environment_variables: ClassVar[Sequence[str]] = ()  # that select among its kernels, and so may change last bits
    implementations: ClassVar[Mapping[str, type[Implementation]]]  # `scratch` and `builtin` are always among them

    def __init__(self, device: str) -> None:
        """Raise UserError, naming the devices that there are, if `device` (cpu, cuda:0, …) is not one of them."""
        if device not in self.devices():
            raise UserError(f"{self.name} has no device {device!r} here, only {', '.join(self.devices())}")
        self.device = device

    def device_scope(self) -> AbstractContextManager[Any]:
        """Return a context in which all work is done, for a framework that would choose a device by itself."""
        return nullcontext()

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """Return distribution -> version, for the framework, the parts of it that compute, and `numpy`."""

    def instructions(self) -> dict[str, str]:
        """Return what the framework reports on the instruction set of its kernels: name -> value."""
        return {}

    @abstractmethod
    def devices(self) -> list[str]:
        """Return the devices that the framework finds: `cpu`, `cuda:0`, …."""

    @abstractmethod
    def set_threads(self, threads: int) -> int:
        """Request a number of threads, before any work; return the number that the framework then reports."""

    @abstractmethod
    def tensor(self, array: Array, dtype: str) -> Tensor:
        """Return a copy of an array, of the same shape, rounded to float16, bfloat16, float32 or float64."""

    @abstractmethod
    def parameter(self, array: Array, dtype: str) -> Tensor:
        """Return such a tensor in the form that optimizers change in place and that has gradients."""

    @abstractmethod
    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:
        """Return a gradient that is zero except in some rows, as the framework's differentiation would make it.

        `rows`, int64, shape (k,), has their numbers in any order. `values`, shape (k, width), are added where a row
        occurs twice. The parameter has shape (height, width).
        Raises Unsupported if the framework has no such gradients.
        """

    @abstractmethod
    def full_like(self, parameter: Tensor, value: float) -> Tensor:
        """Return a tensor for state: with a parameter's shape, dtype and device, to be changed in place."""

    @abstractmethod
    def assign(self, tensors: Tensors, arrays: Sequence[Array]) -> None:
        """Write arrays over tensors, in place."""

    @abstractmethod
    def strided(self, tensor: Tensor) -> Tensor:
        """Return a copy, a parameter if it was one, transposed in memory and with a gap after each number.

        Raises Unsupported if the framework has no such tensors.
        """

    @abstractmethod
    def numpy(self, tensor: Tensor) -> Array:
        """Return a dense copy that later steps don't change; bfloat16 as float32, which is exact."""

    @abstractmethod
    def dtype(self, tensor: Tensor) -> str:
        """Return the name of a tensor's dtype, as `tensor` takes it."""

    @abstractmethod
    def synchronize(self, tensors: list[Tensor]) -> None:
        """Wait until all work that these tensors depend on is done."""

    @abstractmethod
    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:
        """Return the gradient of a scalar loss for each parameter, by the framework's automatic differentiation."""

    def quadratic(self, x: Tensor, rotated: bool) -> Tensor:
        """Return 0.1 x1² + 2 x2², or the same with x1 + x2 and x1 - x2 for x1 and x2; x has shape (2,)."""
        x1, x2 = (x[0] + x[1], x[0] - x[1]) if rotated else (x[0], x[1])
        return 0.1 * x1**2 + 2 * x2**2

    @abstractmethod
    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """Return ½ mean (features w + b - labels)²; shapes (n, 1), (1,), (batch, n), (batch, 1)."""

    @abstractmethod
    def cross_entropy(self, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy of softmax(relu(features w1 + b1) w2 + b2) with labels that are classes.

        Shapes (n, hidden), (hidden,), (hidden, classes), (classes,), (batch, n), and (batch,) of int64.
        """

    def traffic(self, x: Tensor, v: Tensor, g: Tensor) -> Callable[[], None] | None:  # noqa: ARG002
        """Return a function that moves the memory of an update: it adds g to x and to v, in place and in one pass.

        None if the framework can't fuse the two additions.
        """
        return None


def effective(h: Hyperparameters) -> set[str]:
    """Return the hyper-parameters that have an effect: those of every RMSProp, and those not at their default."""
    given, plain = vars(h), vars(Hyperparameters())
    return {"learning_rate", "decay", "epsilon"} | {name for name in given if given[name] != plain[name]}
