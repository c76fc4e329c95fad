"""How a factory takes hyper-parameters: by the names of its arguments, ours or others that are in use."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import packages

if TYPE_CHECKING:
    from reference import Hyperparameters

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "learning_rate": ("learning_rate", "lr", "eta", "step_size"),
    "decay": ("alpha", "rho", "gamma1", "gamma", "beta", "decay_rate", "decay"),  # beside `rho`, `decay` is another one
    "epsilon": ("epsilon", "eps"),
    "momentum": ("momentum", "gamma2", "mu"),
    "centered": ("centered", "centred"),
    "weight_decay": ("weight_decay", "wd"),
    "nesterov": ("nesterov",),
    "clip_norm": ("clip_norm", "clipnorm"),
    "clip_gradient": ("clip_gradient", "clipvalue"),
    "clip_weights": ("clip_weights",),
    "rescale_gradient": ("rescale_gradient", "rescale_grad"),
    "maximize": ("maximize",),
    "bias_correction": ("bias_correction",),
}
"""Our name of a hyper-parameter -> what an argument for it may be called; of two that are there the first counts."""

BASIC = ("learning_rate", "decay", "epsilon")
PARAMETERS = ("params", "parameters", "variables", "weights")
_NONE = (None, 0, -1, float("inf"))  # what a bound may have for none


class FactoryError(ValueError):
    """A factory can't be used; the message says why, and what to do."""


class Signature:
    """What a factory takes.

    Attributes:
        names: our name of a hyper-parameter -> the factory's.
        defaults: our name -> the factory's default, of those that have one.
        parameters: the name of the argument that takes parameters; None if there is none.
        open: whether it takes any hyper-parameter (`**hyper`), under our names.
    """

    def __init__(self, factory: Callable[..., Any]) -> None:
        """Read it.

        Raises:
            FactoryError: if it can't be called with what there is to give.
        """
        levels = _levels(factory)
        own = levels[0]
        self.open = not inspect.isclass(factory) and any(a.kind is a.VAR_KEYWORD for a in own.values())
        found = {ours: _first(names, levels) for ours, names in SYNONYMS.items()}
        self.names = {ours: argument.name for ours, argument in found.items() if argument is not None}
        self.defaults = {
            ours: argument.default
            for ours, argument in found.items()
            if argument is not None and argument.default is not argument.empty
        }
        plain = [a for a in own.values() if a.kind not in (a.VAR_KEYWORD, a.VAR_POSITIONAL)]
        left = [a.name for a in plain if a.name not in self.names.values() and a.default is a.empty]
        self.parameters = next((name for name in left if name in PARAMETERS), left[0] if left else None)
        unknown = [name for name in left if name != self.parameters]
        if unknown:
            raise FactoryError(
                f"there is nothing to give for its argument {unknown[0]!r}: hyper-parameters are "
                f"{', '.join(SYNONYMS)}, and parameters are `params`"
            )
        self._positional = self.parameters is not None and plain[0].name == self.parameters

    @property
    def accepts(self) -> frozenset[str]:
        """The hyper-parameters that it takes, by our names."""
        return frozenset(SYNONYMS) if self.open else frozenset(self.names)

    def missing(self, h: Hyperparameters) -> list[str]:
        """What of these is set and has no argument; a factory's own γ or ε is its affair only if it is named so."""
        return [name for name in SYNONYMS if name not in self.accepts and (name in BASIC or is_set(h, name))]

    def chosen(self, h: Hyperparameters) -> dict[str, Any]:
        """What it is given of these, by our names.

        All that it takes is given, so that a default that changes changes no verdict; but what is off, and off by
        default, is left out, since 0 and None may be two ways to be off. What takes anything is given what is set.
        """
        return {
            ours: getattr(h, ours)
            for ours in SYNONYMS
            if ours in self.accepts
            and (ours in BASIC or is_set(h, ours) or (ours in self.names and not self._off(ours)))
        }

    def call(self, factory: Callable[..., Any], parameters: list[Any], given: Mapping[str, Any]) -> Any:
        """What the factory makes of parameters, if it takes any, and hyper-parameters.

        Args:
            factory: whose signature this is.
            parameters: of its kind.
            given: our name of a hyper-parameter -> a value; the others have the factory's defaults.
        """
        named = {self.names.get(ours, ours): value for ours, value in given.items()}
        if self._positional:
            return factory(parameters, **named)
        return factory(**named, **({self.parameters: parameters} if self.parameters else {}))

    def _off(self, ours: str) -> bool:
        if ours not in self.defaults:
            return False
        usual = getattr(packages.hyperparameters.Hyperparameters(), ours)
        return self.defaults[ours] in (_NONE if usual is None else (None, usual))


def is_set(h: Hyperparameters, name: str) -> bool:
    """Whether a hyper-parameter has another value than the one that means none."""
    return bool(getattr(h, name) != getattr(packages.hyperparameters.Hyperparameters(), name))


Arguments = Mapping[str, inspect.Parameter]


def _levels(factory: Callable[..., Any]) -> list[Arguments]:
    """The arguments of a function; of a class those of its constructor, and then those of the base classes' to which it
    hands on what it does not name itself.
    """  # noqa: D205
    if not inspect.isclass(factory):
        return [inspect.signature(factory).parameters]
    levels: list[Arguments] = []
    for base in factory.__mro__:
        if "__init__" in vars(base) and base is not object:
            arguments = dict(list(inspect.signature(vars(base)["__init__"]).parameters.items())[1:])  # but for `self`
            levels.append(arguments)
            if not any(a.kind is a.VAR_KEYWORD for a in arguments.values()):
                break
    return levels or [{}]


def _first(names: Sequence[str], levels: Sequence[Arguments]) -> inspect.Parameter | None:
    """The argument that has the first of these names, at the first level that has any of them."""
    return next((level[name] for level in levels for name in names if name in level), None)
