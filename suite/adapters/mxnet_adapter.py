"""MXNet 1.x. `gluon.Trainer` keeps ε inside the root and has momentum only when centered; its γ is `gamma1`.

Two things to know. Operations are queued: what fails, fails where a result is read. And numbers are handed over as
decimal text, which MXNet may misread by a few units in the last place: of float64, and of float32 in what
`rmsprop_update` is told, where a number below 1e-4 of many digits is often off by one.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from reference import Dialect, Hyperparameters
from suite.adapters.contract import Array, Framework, Implementation, Scratch, State, Tensor, Unsupported

os.environ.setdefault("MXNET_STORAGE_FALLBACK_LOG_VERBOSE", "0")  # it logs that it makes a sparse gradient dense

with warnings.catch_warnings():  # it asks NumPy for names that are deprecated: fatal where warnings are errors
    warnings.simplefilter("ignore", DeprecationWarning)
    import mxnet as mx


TRUNCATED = {"bfloat16": "MXNet cuts numbers off to it in place of rounding them"}


class MxnetScratch(Scratch):
    """RMSProp from mxnet.nd operations, in place."""

    native = "mxnet.nd operations, in place"
    refused: ClassVar[Mapping[str, str]] = TRUNCATED
    longest = 1000

    def prepare(self, dialect: Dialect) -> None:
        """Make the state, and of the numbers what operations take."""
        super().prepare(dialect)
        self.numbers = {name: self.exact(value) for name, value in self.numbers.items()}

    def rounded(self, learning_rate: float) -> Any:
        """As the dialect rounds it, and as an operation reads it."""
        return self.exact(super().rounded(learning_rate))

    def exact(self, value: float) -> Any:
        """A number that an operation reads without error: as an array where text is too coarse."""
        wide = self.framework.dtype(self.parameters[0]) == "float64"
        return self.framework.tensor(np.array(value), "float64") if wide else value

    def update(self, gradients: list[Tensor], learning_rate: float) -> None:
        """One step, for any dialect."""
        a, n, rates = self.algorithm, self.numbers, self.rates(learning_rate)
        for i, (x, grad, v, rate) in enumerate(zip(self.parameters, gradients, self.square_average, rates)):
            g = self.effective_gradient(grad, x)
            if a.decoupled:
                x *= 1 - rate * n["weight_decay"]
            v *= n["decay"]
            v += g * g * n["complement"]
            w, correction = v, 1 - n["decay"] ** (self.steps + 1) if a.bias_corrected else 1.0
            if a.bias_corrected:
                w = w / correction
            if a.centered:
                m = self.mean_gradient[i]
                m *= n["decay"]
                m += g * n["complement"]
                w = w - mx.nd.square(m / correction if a.bias_corrected else m)
            d = mx.nd.sqrt(w + n["epsilon"]) if a.epsilon_inside else mx.nd.sqrt(w) + n["epsilon"]
            u = (g * rate if a.rate_in_buffer else g) / d
            if a.buffered:
                b = self.momentum_buffer[i]
                b *= n["momentum"]
                b += u
                u = u + b * n["momentum"] if a.nesterov else b
            x -= u if a.rate_in_buffer else u * rate
            if a.clip_weights is not None:
                within(x, n["clip_weights"]).copyto(x)

    def clipped(self, g: Tensor) -> Tensor:
        """With its norm, and then each coordinate, kept within bounds."""
        a, n = self.algorithm, self.numbers
        if a.clip_norm is not None:
            norm = mx.nd.sqrt(mx.nd.sum(mx.nd.square(g)))
            g = g * n["clip_norm"] / mx.nd.maximum(norm, n["clip_norm"])
        return g if a.clip_gradient is None else within(g, n["clip_gradient"])


def within(z: Tensor, limit: Any) -> Tensor:
    """Each coordinate of z kept within ±limit; `mx.nd.clip` would round the limit to float32."""
    return mx.nd.minimum(mx.nd.maximum(z, -limit), limit)


class MxnetBuiltin(Implementation):
    """`gluon.Trainer` with "rmsprop", on parameters that share their storage with the tensors."""

    native = 'mxnet.gluon.Trainer(…, "rmsprop")'
    computes = "mxnet1"
    names: ClassVar[Mapping[str, str]] = {
        "learning_rate": "learning_rate",
        "decay": "gamma1",
        "epsilon": "epsilon",
        "momentum": "gamma2",
        "centered": "centered",
        "weight_decay": "wd",
        "clip_gradient": "clip_gradient",
        "clip_weights": "clip_weights",
        "rescale_gradient": "rescale_grad",
    }
    refused: ClassVar[Mapping[str, str]] = {
        **TRUNCATED,
        **dict.fromkeys(("float16", "float64"), "its state is float32 always, and it raises MXNetError"),
    }
    bounds = ("clip_gradient", "clip_weights")

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Build the trainer."""
        if any(x.size == 0 for x in self.parameters):
            raise Unsupported('a gluon.Parameter without elements raises ValueError("invalid shape")')
        arguments = self.native_arguments(self.h.rate(0))
        # Outside of a Trainer, which asks the Parameter, weight decay is dropped for names that don't end in _weight.
        self.shared = [self.share(x, f"x{i}_weight") for i, x in enumerate(self.parameters)]
        for parameter, scale in zip(self.shared, self.rate_scale or ()):
            parameter.lr_mult = scale
        self.trainer = mx.gluon.Trainer(self.shared, "rmsprop", arguments, kvstore=None)

    def share(self, x: Tensor, name: str) -> Any:
        """A gluon Parameter on the storage of a tensor; `set_data` would copy."""
        parameter = mx.gluon.Parameter(name, shape=x.shape, dtype=x.dtype)
        parameter.initialize(ctx=x.context)
        parameter._data = [x]
        return parameter

    def update(self, gradients: list[Tensor], learning_rate: float) -> None:
        """One `trainer.step(1)`, on the caller's gradients: a copy in `x.grad` would hide what is done to them."""
        self.trainer.set_learning_rate(learning_rate)
        for parameter, x, gradient in zip(self.shared, self.parameters, gradients):
            parameter._grad = [gradient]
            x._fresh_grad = True  # as `backward` does; the trainer refuses to use a gradient twice
        self.trainer.step(1)

    def state(self) -> State:
        """From the trainer's updater; `delta` is what is added to the parameters, -b."""
        slots = [slot for _, slot in sorted(self.trainer._updaters[0].states.items())]
        return oracle_state(self.framework, self.h, *zip(*slots))

    def saved(self) -> bytes:
        """By `trainer.save_states`."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "states")
            self.trainer.save_states(str(file))
            return file.read_bytes()

    def restore(self, saved: bytes) -> None:
        """By `trainer.load_states`."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "states")
            file.write_bytes(saved)
            self.trainer.load_states(str(file))


class MxnetKernel(Implementation):
    """The operations below `mx.optimizer.RMSProp`."""

    native = "mxnet.nd.rmsprop_update, rmspropalex_update"
    computes = "mxnet1"
    longest = 1000
    names: ClassVar[Mapping[str, str]] = {**MxnetBuiltin.names, "learning_rate": "lr"}
    refused: ClassVar[Mapping[str, str]] = {"bfloat16": "MXNetError: Unknown type enum 12"}

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Make the state: n, and g and delta for the centered one."""
        parts = 3 if self.h.centered else 1
        self.slots = [[self.framework.filled_like(p, 0.0) for p in self.parameters] for _ in range(parts)]

    def update(self, gradients: list[Tensor], learning_rate: float) -> None:
        """One call a parameter."""
        arguments = self.native_arguments(learning_rate)
        del arguments["lr"]
        operation = mx.nd.rmspropalex_update if arguments.pop("centered") else mx.nd.rmsprop_update
        if not self.h.centered:
            del arguments["gamma2"]
        for name in ("clip_gradient", "clip_weights"):
            arguments[name] = -1.0 if arguments[name] is None else arguments[name]  # a negative bound is none
        for x, gradient, rate, *slots in zip(self.parameters, gradients, self.rates(learning_rate), *self.slots):
            operation(x, gradient, *slots, out=x, lr=rate, **arguments)

    def state(self) -> State:
        """What the operations change besides the parameters."""
        return oracle_state(self.framework, self.h, *self.slots)

    def saved(self) -> list[list[Array]]:
        """The slots."""
        return [[self.framework.numpy(slot) for slot in slots] for slots in self.slots]

    def restore(self, saved: list[list[Array]]) -> None:
        """Into the slots."""
        for slots, arrays in zip(self.slots, saved):
            self.framework.assign(slots, arrays)


def oracle_state(framework: Framework, h: Hyperparameters, *slots: Any) -> State:
    """From n, g and delta, a sequence of tensors each. `delta` is -b; without momentum it is no more than a step."""
    parts = ("square_average", "mean_gradient", "momentum_buffer")[: 3 if h.momentum else 2]
    state = {name: [framework.numpy(t) for t in tensors] for name, tensors in zip(parts, slots)}
    if "momentum_buffer" in state:
        state["momentum_buffer"] = [-delta for delta in state["momentum_buffer"]]
    return state


class Adapter(Framework):
    """MXNet on one device."""

    name = "mxnet"
    implementations: ClassVar[Mapping[str, type[Implementation]]] = {
        "scratch": MxnetScratch,
        "builtin": MxnetBuiltin,
        "kernel": MxnetKernel,
    }

    def __init__(self, device: str) -> None:
        super().__init__(device)
        kind, _, index = device.partition(":")
        self.context = mx.gpu(int(index)) if kind == "cuda" else mx.cpu()
        mx.util.set_np_shape(True)  # or the shapes () and (0,) mean that the shape is unknown

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Framework`."""
        return {"mxnet": mx.__version__, "numpy": np.__version__}

    @staticmethod
    def devices() -> list[str]:
        """See `Framework`."""
        return ["cpu", *(f"cuda:{i}" for i in range(mx.context.num_gpus()))]

    @staticmethod
    def set_threads(threads: int) -> int:  # noqa: ARG004
        """See `Framework`. The environment's OMP_NUM_THREADS decides, once, when MXNet is imported."""
        # There is MXSetNumOMPThreads, but it sets the calling thread alone, and operations run in the engine's.
        return int(mx.base._LIB.omp_get_max_threads())

    def tensor(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`. It takes over the memory of a copy, for `mx.nd.array` spends a tenth of a millisecond."""
        with np.errstate(over="ignore"):
            return mx.nd.from_numpy(np.array(array, dtype, order="C")).as_in_context(self.context)

    def parameter(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`."""
        tensor = self.tensor(array, dtype)
        tensor.attach_grad()
        return tensor

    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:
        """See `Framework`. A row may occur once only: of two values the first is lost, and nothing is said."""
        make = mx.nd.sparse.row_sparse_array
        once = [(values[i : i + 1].astype(dtype), rows[i : i + 1]) for i in range(len(rows))]
        parts = [make(one, shape=shape, ctx=self.context, dtype=dtype) for one in once]
        return mx.nd.add_n(mx.nd.sparse.zeros("row_sparse", shape, ctx=self.context, dtype=dtype), *parts)

    def filled_like(self, parameter: Tensor, value: float) -> Tensor:
        """See `Framework`."""
        return self.tensor(np.full(parameter.shape, value), self.dtype(parameter))

    def assign(self, tensors: Sequence[Tensor], arrays: Sequence[Array]) -> None:
        """See `Framework`."""
        for tensor, array in zip(tensors, arrays):
            self.tensor(array, self.dtype(tensor)).copyto(tensor)

    def strided(self, tensor: Tensor) -> Tensor:  # noqa: ARG002
        """See `Framework`."""
        raise Unsupported("MXNet has no strided tensors")

    def numpy(self, tensor: Tensor) -> Array:
        """See `Framework`."""
        return np.array(tensor.asnumpy())

    def dtype(self, tensor: Tensor) -> str:
        """See `Framework`."""
        return str(np.dtype(tensor.dtype))

    def synchronize(self, tensors: list[Tensor]) -> None:  # noqa: ARG002  (the whole queue, the state's included)
        """See `Framework`."""
        mx.nd.waitall()

    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:
        """See `Framework`. These are the buffers that the next call writes to."""
        with mx.autograd.record():
            value = loss()
        value.backward()
        return [p.grad for p in parameters]

    def quadratic(self, x: Tensor, rotated: bool) -> Tensor:
        """See `Framework`."""
        x1, x2 = (x[0] + x[1], x[0] - x[1]) if rotated else (x[0], x[1])
        return 0.1 * x1**2 + 2 * x2**2

    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """See `Framework`."""
        residual = mx.nd.dot(features, w) + b - labels
        return (residual**2 / 2).mean()
