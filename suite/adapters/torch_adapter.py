"""PyTorch. `torch.optim.RMSprop` keeps ε outside the root and η outside the buffer; its γ is `alpha`."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from reference import Dialect, Hyperparameters
from suite.adapters.contract import Array, Framework, Implementation, Scratch, State, Tensor, Unsupported

MOST_COMPILED = 16  # parameters that are compiled in seconds

# TF32 would round the factors of float32 matrix products to 11 bits, and part a GPU's gradients from a CPU's.
torch.set_float32_matmul_precision("highest")
torch.backends.cudnn.allow_tf32 = False


class TorchScratch(Scratch):
    """RMSProp from torch operations, in place."""

    native = "torch operations, in place"

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def update(self, gradients: list[Tensor], learning_rate: float) -> None:
        """One step, for any dialect."""
        a, n, rates = self.algorithm, self.numbers, self.rates(learning_rate)
        for i, (x, grad, v, rate) in enumerate(zip(self.parameters, gradients, self.square_average, rates)):
            g = self.effective_gradient(grad, x)
            if a.decoupled:
                x.mul_(1 - rate * n["weight_decay"])
            v.mul_(n["decay"]).addcmul_(g, g, value=n["complement"])
            w, correction = v, 1 - n["decay"] ** (self.steps + 1) if a.bias_corrected else 1.0
            if a.bias_corrected:
                w = w / correction
            if a.centered:
                m = self.mean_gradient[i]
                m.mul_(n["decay"]).add_(g, alpha=n["complement"])
                w = w - torch.square(m / correction if a.bias_corrected else m)
            d = (w + n["epsilon"]).sqrt_() if a.epsilon_inside else w.sqrt().add_(n["epsilon"])
            u = (g * rate if a.rate_in_buffer else g) / d
            if a.buffered:
                b = self.momentum_buffer[i]
                b.mul_(n["momentum"]).add_(u)
                u = u + b * n["momentum"] if a.nesterov else b
            x.sub_(u if a.rate_in_buffer else u * rate)
            if a.clip_weights is not None:
                x.clamp_(-n["clip_weights"], n["clip_weights"])

    def clipped(self, g: Tensor) -> Tensor:
        """With its norm, and then each coordinate, kept within bounds."""
        a, n = self.algorithm, self.numbers
        if a.clip_norm is not None:
            norm = torch.square(g).sum().sqrt()
            g = g * n["clip_norm"] / norm.clamp(min=n["clip_norm"])
        return g if a.clip_gradient is None else g.clamp(-n["clip_gradient"], n["clip_gradient"])


class TorchBuiltin(Implementation):
    """`torch.optim.RMSprop`, parameter by parameter."""

    native = "torch.optim.RMSprop"
    computes = "torch"
    names: ClassVar[Mapping[str, str]] = {
        "learning_rate": "lr",
        "decay": "alpha",
        "epsilon": "eps",
        "momentum": "momentum",
        "centered": "centered",
        "weight_decay": "weight_decay",
        "maximize": "maximize",
    }
    sparse = 'raises RuntimeError("RMSprop does not support sparse gradients")'
    foreach: ClassVar[bool] = False

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Build the optimizer. What has a learning rate of its own is a group."""
        groups = [{"params": [p]} for p in self.parameters] if self.rate_scale else self.parameters
        arguments = self.native_arguments(self.h.rate(0))
        self.optimizer = torch.optim.RMSprop(
            groups, **arguments, foreach=self.foreach, capturable=False, differentiable=False
        )
        self.advance = self.optimizer.step

    def update(self, gradients: list[Tensor], learning_rate: float) -> None:
        """One `optimizer.step()`."""
        for group, rate in zip(self.optimizer.param_groups, self.rates(learning_rate)):  # the first of all, or each
            self.set_rate(group, rate)
        for parameter, gradient in zip(self.parameters, gradients):
            parameter.grad = gradient
        self.advance()

    def set_rate(self, group: dict[str, Any], learning_rate: float) -> None:
        """Change the learning rate of a group."""
        group["lr"] = learning_rate

    def state(self) -> State:
        """From `optimizer.state`."""
        theirs = {"square_average": "square_avg", "mean_gradient": "grad_avg", "momentum_buffer": "momentum_buffer"}
        slots = [self.optimizer.state[p] for p in self.parameters]
        return {
            ours: [self.framework.numpy(slot[name]) for slot in slots]
            for ours, name in theirs.items()
            if slots and all(name in slot for slot in slots)
        }

    def saved(self) -> bytes:
        """A checkpoint of `optimizer.state_dict()`."""
        file = io.BytesIO()
        torch.save(self.optimizer.state_dict(), file)
        return file.getvalue()

    def restore(self, saved: bytes) -> None:
        """By `optimizer.load_state_dict`."""
        self.optimizer.load_state_dict(torch.load(io.BytesIO(saved), weights_only=True))


class TorchForeach(TorchBuiltin):
    """The same, over all parameters at once."""

    native = "torch.optim.RMSprop(foreach=True)"
    twin = "builtin"
    foreach = True


class TorchCompiled(TorchBuiltin):
    """The same under `torch.compile`."""

    native = "torch.compile of torch.optim.RMSprop"
    longest = 1000

    @classmethod
    def unsupported(cls, h: Hyperparameters, dtype: str) -> str | None:
        """As everywhere; and on a CPU torch compiles to C++."""
        compilers = (os.environ.get("CXX"), "g++", "clang++")
        if not any(shutil.which(compiler) for compiler in compilers if compiler):
            return f"{cls.native} needs a C++ compiler, and there is none on the path"
        return super().unsupported(h, dtype)

    def prepare(self, dialect: Dialect) -> None:
        """Compile the step. The learning rate is a tensor, or each new value would be compiled anew.

        What earlier optimizers left is forgotten: after eight of them torch would stop compiling and run eagerly.
        """
        if len(self.parameters) > MOST_COMPILED:
            raise Unsupported(f"{self.native} unrolls its loop: {len(self.parameters)} parameters take it a minute")
        super().prepare(dialect)
        torch.compiler.reset()
        for group in self.optimizer.param_groups:
            group["lr"] = torch.tensor(self.h.rate(0), dtype=torch.float64)
        self.advance = torch.compile(self.optimizer.step)

    def set_rate(self, group: dict[str, Any], learning_rate: float) -> None:
        """In place."""
        group["lr"].fill_(learning_rate)


class Adapter(Framework):
    """PyTorch on one device."""

    name = "torch"
    implementations: ClassVar[Mapping[str, type[Implementation]]] = {
        "scratch": TorchScratch,
        "builtin": TorchBuiltin,
        "foreach": TorchForeach,
        "compiled": TorchCompiled,
    }

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Framework`."""
        return {"torch": torch.__version__, "numpy": np.__version__}

    @staticmethod
    def devices() -> list[str]:
        """See `Framework`."""
        return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]

    @staticmethod
    def set_threads(threads: int) -> int:
        """See `Framework`."""
        torch.set_num_threads(threads)
        return int(torch.get_num_threads())

    def tensor(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`."""
        return torch.tensor(array, dtype=getattr(torch, dtype), device=self.device)

    def parameter(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`."""
        return self.tensor(array, dtype).requires_grad_()

    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:
        """See `Framework`."""
        parts = self.tensor(rows[None], "int64"), self.tensor(values, dtype)
        return torch.sparse_coo_tensor(*parts, shape, check_invariants=True)

    def filled_like(self, parameter: Tensor, value: float) -> Tensor:
        """See `Framework`."""
        return torch.full_like(parameter, value, requires_grad=False)

    def assign(self, tensors: Sequence[Tensor], arrays: Sequence[Array]) -> None:
        """See `Framework`."""
        for tensor, array in zip(tensors, arrays):
            tensor.copy_(self.tensor(array, self.dtype(tensor)))

    def strided(self, tensor: Tensor) -> Tensor:
        """See `Framework`."""
        gaps = torch.zeros((*reversed(tensor.shape), 2), dtype=tensor.dtype, device=self.device)
        view = gaps[..., 0].permute(tuple(reversed(range(tensor.dim()))))
        return view.copy_(tensor.detach()).requires_grad_(tensor.requires_grad)

    def numpy(self, tensor: Tensor) -> Array:
        """See `Framework`."""
        tensor = tensor.detach().to_dense()
        tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
        return np.array(tensor.cpu().numpy())

    def dtype(self, tensor: Tensor) -> str:
        """See `Framework`."""
        return str(tensor.dtype).rpartition(".")[2]

    def synchronize(self, tensors: list[Tensor]) -> None:  # noqa: ARG002  (CUDA waits for the device as a whole)
        """See `Framework`."""
        if self.device != "cpu":
            torch.cuda.synchronize(self.device)

    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:
        """See `Framework`."""
        return list(torch.autograd.grad(loss(), parameters))

    def quadratic(self, x: Tensor, rotated: bool) -> Tensor:
        """See `Framework`."""
        x1, x2 = (x[0] + x[1], x[0] - x[1]) if rotated else (x[0], x[1])
        return 0.1 * x1**2 + 2 * x2**2

    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """See `Framework`."""
        residual = features @ w + b - labels
        return (residual**2 / 2).mean()
