"""A user's optimizer as the suite sees it: gradients in, parameters out, whatever framework it is made for."""

from __future__ import annotations

import importlib
import importlib.metadata
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import packages
from .adapters import KINDS, MADE_OF, Array, Bound, bound_of, candidates
from .adapters.contract import Unsupported
from .signature import FactoryError, Signature

if TYPE_CHECKING:
    from reference import Hyperparameters

Arrays = dict[str, Array]

_LACKING = {
    "rows": "its gradients are dense: a factory is not asked for sparse ones",
    "rate_scale": "all its parameters have one learning rate",
    "strided": "its parameters have no gaps in memory",
    "restored": "a factory has no way to go on from a saved state",
}
"""What a tape may ask for that a factory is not asked for -> why."""


class Subject:
    """A factory, and what is known of it before it is asked.

    Attributes:
        factory: makes an optimizer; see docs/plugin.md for what it is given.
        name: for people, as `mypackage:make`.
        signature: what it takes.
    """

    def __init__(self, factory: Callable[..., Any], name: str = "", kind: str | None = None) -> None:
        """Read its signature; it is not called yet.

        Args:
            factory: a function or a class.
            name: for people; by default where it is defined.
            kind: of what it makes, one of `KINDS`; by default that is found out.

        Raises:
            FactoryError: if it can't be called with what there is to give, or there is no such kind.
        """
        if not callable(factory):
            raise FactoryError(f"a factory is a function or a class, not {type(factory).__name__}")
        if kind is not None and kind not in KINDS:
            raise FactoryError(f"no kind {kind!r}; there are {', '.join(KINDS)}")
        self.factory, self._given_kind = factory, kind
        self.name = name or _name(factory)
        try:
            self.signature = Signature(factory)
        except ValueError as error:  # of inspect too, which can't read what is written in C
            raise FactoryError(f"{self.name}: {error}") from error

    @classmethod
    def named(cls, name: str, kind: str | None = None) -> Subject:
        """The factory of a name, as `module:factory` or `folder/file.py:factory`; modules are looked for here, too.

        Raises:
            FactoryError: if there is none.
        """
        module, colon, attribute = name.partition(":")
        if not colon or not module or not attribute:
            raise FactoryError(f"a factory is named as MODULE:FACTORY, as torch.optim:RMSprop, not {name!r}")
        file = Path(module) if module.endswith(".py") else None
        if file is not None and not file.is_file():
            raise FactoryError(f"{name}: there is no file {file}")
        sys.path.insert(0, str(file.absolute().parent if file else Path.cwd()))
        try:
            found: Any = importlib.import_module(file.stem if file else module)
        except ModuleNotFoundError as error:
            raise FactoryError(f"{name}: {error}") from error
        for part in attribute.split("."):
            if not hasattr(found, part):
                raise FactoryError(f"{name}: there is no {part!r} in it")
            found = getattr(found, part)
        return cls(getattr(found, "rmsuite_factory", found), name, kind)

    @property
    def accepts(self) -> frozenset[str]:
        """The hyper-parameters that can be set, by our names."""
        return self.signature.accepts

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Those that need not be given -> what they are then."""
        return self.signature.defaults

    @cached_property
    def kind(self) -> str:
        """Of what the factory makes; it is tried on a small parameter.

        Raises:
            FactoryError: if it makes none of these, or fails.
        """
        if self._given_kind is not None:
            return self._given_kind
        h, failures = packages.hyperparameters.Hyperparameters(), []
        for parameters_of in candidates(self.signature.parameters is not None):
            shown = [bound_of(parameters_of).parameter(np.zeros(1, np.float32), "float32")]
            try:
                made = self.signature.call(self.factory, shown, self.signature.chosen(h))
            except Exception as error:  # whatever it is, it is the factory's
                failures.append(error)
                continue
            kind = next((name for name, holds in KINDS.items() if holds(made)), None)
            if kind is None:
                raise FactoryError(f"{self.name} made {type(made).__name__}, where {MADE_OF} is wanted")
            if self.signature.parameters is None or (kind == "torch") == (parameters_of == "torch"):
                return kind
        raise FactoryError(f"{self.name}({self._told}) raised {_words(failures[0])}") from failures[0]

    @cached_property
    def bound(self) -> type[Bound]:
        """The class of its kind."""
        return bound_of(self.kind)

    @property
    def version(self) -> str:
        """Of the framework that it is made for, or else of NumPy."""
        try:
            return importlib.metadata.version(self.bound.distribution or "numpy")
        except importlib.metadata.PackageNotFoundError:
            return np.__version__

    def unsupported(
        self, h: Hyperparameters | Mapping[str, Any], tape: Mapping[str, Any] | Sequence[str] = ()
    ) -> str | None:
        """Why it can't be asked for this; None if it can.

        Args:
            h: hyper-parameters, or those that are given.
            tape: the arrays of a tape, or their names.
        """
        lacking = next((why for name, why in _LACKING.items() if name in tape), None)
        missing = sorted(set(h) - self.accepts) if isinstance(h, Mapping) else self.signature.missing(h)
        return lacking or (f"{self.name} takes no {', '.join(missing)}" if missing else None)

    @cached_property
    def scheduled(self) -> bool:
        """Whether its learning rate can change on the way."""
        if "learning_rate" not in self.accepts:
            return False
        given = self.signature.chosen(packages.hyperparameters.Hyperparameters())
        try:
            self._bound([np.zeros(1, np.float32)], "float32", given).set_rate(0.25)
        except Unsupported:
            return False
        return True

    @property
    def dtypes(self) -> Sequence[str]:
        """The formats that there are of its kind, the usual one first."""
        return sorted(self.bound.dtypes, key=lambda dtype: dtype != "float32")

    def answer(self, tape: Mapping[str, Array], h: Hyperparameters | Mapping[str, Any], dtype: str) -> Arrays:
        """Put it through a tape.

        Args:
            tape: `initial`, shape (n,), and `gradients`, shape (steps, n). With `shapes`, a row each that is filled up
                with -1, the coordinates are divided into parameters of these shapes; else they are one vector.
            h: hyper-parameters, of which every one counts; or some, by our names, where the others are to have the
                factory's defaults.
            dtype: `float16`, `bfloat16`, `float32` or `float64`; the tape is rounded to it.

        Returns:
            The trace: `parameters`, shape (steps, n), after each step, and what the optimizer shows of its state, and
            `spoiled`, the number of steps in which it changed a gradient.

        Raises:
            Unsupported: if it can't be asked for this.
            Exception: whatever the factory and what it makes raise.
        """
        reason = self.unsupported(h, tape)
        if reason:
            raise Unsupported(reason)
        given = dict(h) if isinstance(h, Mapping) else self.signature.chosen(h)
        rates = given.get("learning_rate")
        changing = rates if isinstance(rates, (tuple, list, np.ndarray)) else None
        if changing is not None:
            given["learning_rate"] = float(changing[0])
        shapes = [tuple(int(d) for d in row if d >= 0) for row in tape.get("shapes", [tape["initial"].shape])]
        bound = self._bound(divided(tape["initial"], shapes), dtype, given)
        trace: dict[str, list[Array]] = {}
        spoiled = 0
        for step, whole in enumerate(tape["gradients"]):
            gradients = [bound.gradient(part, dtype) for part in divided(whole, shapes)]
            before = _flat(bound, gradients)
            with np.errstate(all="ignore"):  # it is asked for what overflows, too
                if changing is not None and step:
                    bound.set_rate(float(changing[step]))
                bound.step(gradients)
            spoiled += not np.array_equal(before, _flat(bound, gradients), equal_nan=True)
            shown = {"parameters": [bound.numpy(tensor) for tensor in bound.parameters], **bound.state()}
            for part, values in shown.items():
                trace.setdefault(part, []).append(flat(values))
        return {"spoiled": np.array(spoiled), **{part: np.stack(rows) for part, rows in trace.items()}}

    def _bound(self, arrays: Sequence[Array], dtype: str, given: Mapping[str, Any]) -> Bound:
        """What the factory makes, bound to parameters that hold these arrays."""
        tensors = [self.bound.parameter(array, dtype) for array in arrays]

        def make(learning_rate: float) -> Any:
            return self.signature.call(self.factory, tensors, {**given, "learning_rate": learning_rate})

        made = self.signature.call(self.factory, tensors, given)
        return self.bound(made, tensors, dtype, make, given.get("learning_rate"))

    @property
    def _told(self) -> str:
        parameters = [self.signature.parameters] if self.signature.parameters else []
        return ", ".join([*parameters, *self.signature.names.values(), *(["**hyper"] if self.signature.open else [])])


def flat(arrays: Sequence[Array]) -> Array:
    """Arrays one after another as a vector."""
    return np.concatenate([np.ravel(array) for array in arrays])


def divided(vector: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """A vector as arrays of these shapes, one after another: what `flat` makes one of."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(vector, ends[:-1]), shapes)]


def _flat(bound: Bound, tensors: Sequence[Any]) -> Array:
    return flat([bound.numpy(tensor) for tensor in tensors])


def _name(factory: Callable[..., Any]) -> str:
    module = getattr(factory, "__module__", None)
    name = str(getattr(factory, "__qualname__", type(factory).__qualname__))
    return f"{module}:{name}" if module else name


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
