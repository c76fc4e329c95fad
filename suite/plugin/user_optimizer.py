"""A user's optimizer as a function from gradients to parameters, independent of its framework."""

from __future__ import annotations

import importlib
import importlib.metadata
import math
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import shared
from .adapters import EXPECTED, KINDS, Array, OptimizerAdapter, Unsupported, adapter_class
from .client import UserError
from .signature import Signature

if TYPE_CHECKING:
    from reference import Hyperparameters

_UNSUPPORTED_ARRAYS = {
    "rows": "row-sparse gradients are not supported for a factory",
    "rate_scale": "a factory has one learning rate for all parameters",
    "strided": "non-contiguous parameters are not supported for a factory",
    "restored": "a factory can't restore a saved state",
}
"""Optional array of a tape -> why a factory does not support it."""


class UserOptimizer:
    """The optimizer that a user's factory makes.

    Attributes:
        factory: makes the optimizer; docs/plugin.md describes its arguments.
        name: the name of the factory, for example `mypackage:make`.
        signature: the arguments of the factory.
    """

    def __init__(self, factory: Callable[..., Any], name: str = "", kind: str | None = None) -> None:
        """Read the signature; the factory is not called yet.

        Args:
            factory: a function or a class.
            name: the name to show; the place of its definition by default.
            kind: the kind of optimizer, one of `KINDS`; determined from the object by default.

        Raises:
            UserError: if the factory has arguments that are not known, or the kind is unknown.
        """
        if not callable(factory):
            raise UserError(f"a factory is a function or a class, not {type(factory).__name__}")
        if kind is not None and kind not in KINDS:
            raise UserError(f"no kind {kind!r}; there are {', '.join(KINDS)}")
        self.factory, self._given_kind = factory, kind
        module = getattr(factory, "__module__", None)
        qualified = getattr(factory, "__qualname__", type(factory).__qualname__)
        self.name = name or (f"{module}:{qualified}" if module else qualified)
        try:
            self.signature = Signature(factory)
        except (UserError, ValueError) as error:  # inspect raises ValueError for functions written in C
            raise UserError(f"{self.name}: {error}") from error

    @classmethod
    def named(cls, name: str, kind: str | None = None) -> UserOptimizer:
        """Import a factory by its name, `module:factory` or `folder/file.py:factory`, also from the working directory.

        Raises:
            UserError: if there is no such factory.
        """
        module, colon, attribute = name.partition(":")
        if not colon or not module or not attribute:
            raise UserError(f"{name!r} is no factory; name it as MODULE:FACTORY, for example torch.optim:RMSprop")
        file = Path(module) if module.endswith(".py") else None
        if file is not None and not file.is_file():
            raise UserError(f"{name}: there is no file {file}")
        sys.path.insert(0, str(file.absolute().parent if file else Path.cwd()))
        try:
            found: Any = importlib.import_module(file.stem if file else module)
        except ModuleNotFoundError as error:
            raise UserError(f"{name}: {error}") from error
        for part in attribute.split("."):
            if not hasattr(found, part):
                raise UserError(f"{name}: it has no attribute {part!r}")
            found = getattr(found, part)
        return cls(getattr(found, "rmsuite_factory", found), name, kind)

    @property
    def accepts(self) -> frozenset[str]:
        """The hyper-parameters that can be set."""
        return self.signature.accepts

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Hyper-parameter -> default of the factory, if it has one."""
        return self.signature.defaults

    @cached_property
    def kind(self) -> str:
        """The kind of optimizer, determined by calling the factory with a small parameter.

        Raises:
            UserError: if the kind is unknown, or the factory fails or returns an optimizer of another kind than its
                parameters.
        """
        if self._given_kind is not None:
            return self._given_kind
        given = self.signature.chosen(shared.hyperparameters.Hyperparameters())
        takes_parameters, failures = self.signature.parameters is not None, []
        mismatch = ""
        for parameter_kind in ("torch", "numpy") if takes_parameters and "torch" in sys.modules else ("numpy",):
            tensors = [adapter_class(parameter_kind).parameter(np.zeros(1, np.float32), "float32")]
            try:
                made = self.signature.call(self.factory, tensors, given)
            except Exception as error:  # an exception of the factory
                failures.append(error)
                continue
            kind = next((name for name, holds in KINDS.items() if holds(made)), None)
            if kind is None:
                raise UserError(f"{self.name} made {type(made).__name__}; expected {EXPECTED}")
            if not takes_parameters or (kind == "torch") == (parameter_kind == "torch"):
                return kind
            mismatch = (
                f"{self.name} made a {kind} optimizer from {parameter_kind} parameters, so its kind is unclear; "
                f'name it, with `--kind {kind}`, or `kind="{kind}"` in a test'
            )
        if failures:
            raise UserError(f"{self.name}({self.signature}) raised {_description(failures[0])}") from failures[0]
        raise UserError(mismatch)

    @cached_property
    def adapter(self) -> type[OptimizerAdapter]:
        """The adapter of its kind."""
        return adapter_class(self.kind)

    @property
    def version(self) -> str:
        """The version of its framework, or of NumPy."""
        try:
            return importlib.metadata.version(self.adapter.distribution)
        except importlib.metadata.PackageNotFoundError:
            return np.__version__

    @property
    def dtypes(self) -> Sequence[str]:
        """The formats of its kind, float32 first."""
        return sorted(self.adapter.dtypes, key=lambda dtype: dtype != "float32")

    @cached_property
    def scheduled(self) -> bool:
        """Whether its learning rate can change between steps."""
        if "learning_rate" not in self.accepts:
            return False
        given = self.signature.chosen(shared.hyperparameters.Hyperparameters())
        try:
            self._adapter([np.zeros(1, np.float32)], "float32", given).set_rate(0.25)
        except Unsupported:
            return False
        return True

    def unsupported(self, h: Hyperparameters | Mapping[str, Any], tape: Collection[str] = ()) -> str | None:
        """Return why a replay is not supported, or None if it is.

        The arguments are those of `replay`; only the names of the tape's arrays are used.
        """
        lacking = next((why for name, why in _UNSUPPORTED_ARRAYS.items() if name in tape), None)
        missing = sorted(set(h) - self.accepts) if isinstance(h, Mapping) else self.signature.missing(h)
        return lacking or (f"{self.name} takes no {', '.join(missing)}" if missing else None)

    def replay(self, tape: Mapping[str, Array], h: Hyperparameters | Mapping[str, Any], dtype: str) -> dict[str, Array]:
        """Replay a tape.

        Args:
            tape: `initial`, shape (n,), and `gradients`, shape (steps, n). With `shapes`, one row for each shape and
                padded with -1, the coordinates are divided into parameters of these shapes; else they are one vector.
            h: all hyper-parameters, or some of them by name; the others have the factory's defaults.
            dtype: `float16`, `bfloat16`, `float32` or `float64`; the tape is rounded to it.

        Returns:
            The trace: `parameters` after each step, shape (steps, n), the public state in the same shape, and
            `changed_gradients`, the number of steps in which the optimizer changed a gradient.

        Raises:
            Unsupported: if the replay is not supported.
            Exception: any exception of the factory or the optimizer.
        """
        reason = self.unsupported(h, tape)
        if reason:
            raise Unsupported(reason)
        given = dict(h) if isinstance(h, Mapping) else self.signature.chosen(h)
        rates = given.get("learning_rate")
        schedule = rates if isinstance(rates, (tuple, list, np.ndarray)) else None
        if schedule is not None:
            given["learning_rate"] = float(schedule[0])
        shapes = [tuple(int(d) for d in row if d >= 0) for row in tape.get("shapes", [tape["initial"].shape])]
        adapter = self._adapter(_divided(tape["initial"], shapes), dtype, given)
        trace: dict[str, list[Array]] = {}
        changed = 0
        for step, vector in enumerate(tape["gradients"]):
            gradients = [adapter.gradient(part, dtype) for part in _divided(vector, shapes)]
            before = _flat(map(adapter.numpy, gradients))
            with np.errstate(all="ignore"):  # some tapes overflow
                if schedule is not None and step:
                    adapter.set_rate(float(schedule[step]))
                adapter.step(gradients)
            changed += not np.array_equal(before, _flat(map(adapter.numpy, gradients)), equal_nan=True)
            recorded = {"parameters": [adapter.numpy(tensor) for tensor in adapter.parameters], **adapter.state()}
            for part, values in recorded.items():
                trace.setdefault(part, []).append(_flat(values))
        return {"changed_gradients": np.array(changed), **{part: np.stack(rows) for part, rows in trace.items()}}

    def reply(
        self, tape: Mapping[str, Array], h: Hyperparameters | Mapping[str, Any], dtype: str, output: Path
    ) -> tuple[dict[str, str], Exception | None]:
        """Replay a tape and write the trace to a file.

        Returns:
            The reply to the server, `status` and unless it is `ok` the `reason`; and the exception of the factory or
            the optimizer, if one was raised.
        """
        try:
            shared.arrays.write(output, self.replay(tape, h, dtype))
        except Unsupported as reason:
            return {"status": "unsupported", "reason": str(reason)}, None
        except Exception as raised:  # an exception of the optimizer
            return {"status": "error", "reason": _description(raised)[:2000]}, raised
        return {"status": "ok"}, None

    def _adapter(self, arrays: Iterable[Array], dtype: str, given: Mapping[str, Any]) -> OptimizerAdapter:
        """Call the factory with parameters that hold these arrays."""
        tensors = [self.adapter.parameter(array, dtype) for array in arrays]

        def make(learning_rate: float) -> Any:
            return self.signature.call(self.factory, tensors, {**given, "learning_rate": learning_rate})

        made = self.signature.call(self.factory, tensors, given)
        return self.adapter(made, tensors, dtype, make, given.get("learning_rate"))


def _flat(arrays: Iterable[Array]) -> Array:
    """Concatenate arrays to a vector."""
    return np.concatenate([np.ravel(array) for array in arrays])


def _divided(vector: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Divide a vector into arrays of these shapes; the inverse of `_flat`."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(vector, ends[:-1]), shapes)]


def _description(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
