"""The arguments of a factory, recognised as hyper-parameters by their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import shared
from .client import UserError

if TYPE_CHECKING:
    from reference import Hyperparameters

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "learning_rate": ("learning_rate", "lr", "eta", "step_size"),
    "decay": ("alpha", "rho", "gamma1", "gamma", "beta", "decay_rate", "decay"),  # in Keras 2, `decay` is not `rho`
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
"""Hyper-parameter -> the names of an argument for it; of several arguments the one that is listed first is used."""

BASIC = ("learning_rate", "decay", "epsilon")
PARAMETERS = ("params", "parameters", "variables", "weights")
_NO_BOUND = (None, 0, -1, float("inf"))  # defaults that mean "no bound"


class Signature:
    """The arguments of a factory.

    Attributes:
        names: hyper-parameter -> the name of the argument for it.
        defaults: hyper-parameter -> the default of the argument, if it has one.
        parameters: the name of the argument for the parameters; None if there is none.
        open: whether there is an argument `**hyper`, which accepts every hyper-parameter under its name here.
    """

    def __init__(self, factory: Callable[..., Any]) -> None:
        """Read the signature.

        Raises:
            UserError: if an argument without a default is neither a hyper-parameter nor the parameters.
        """
        levels = _levels(factory)
        own = levels[0].values()
        self.open = not inspect.isclass(factory) and any(a.kind is a.VAR_KEYWORD for a in own)
        found = {ours: _find(names, levels) for ours, names in SYNONYMS.items()}
        arguments = {ours: argument for ours, argument in found.items() if argument is not None}
        self.names = {ours: a.name for ours, a in arguments.items()}
        self.defaults = {ours: a.default for ours, a in arguments.items() if a.default is not a.empty}
        plain = [a for a in own if a.kind not in (a.VAR_KEYWORD, a.VAR_POSITIONAL)]
        left = [a.name for a in plain if a.name not in self.names.values() and a.default is a.empty]
        self.parameters = next((name for name in left if name in PARAMETERS), left[0] if left else None)
        unknown = [name for name in left if name != self.parameters]
        if unknown:
            raise UserError(
                f"its argument {unknown[0]!r} is not known; hyper-parameters are {', '.join(SYNONYMS)}, "
                "and the parameters are `params`"
            )
        self._positional = self.parameters is not None and plain[0].name == self.parameters

    def __str__(self) -> str:
        parameters = [self.parameters] if self.parameters else []
        return ", ".join([*parameters, *self.names.values(), *(["**hyper"] if self.open else [])])

    @property
    def accepts(self) -> frozenset[str]:
        """The hyper-parameters that can be set."""
        return frozenset(SYNONYMS if self.open else self.names)

    def missing(self, h: Hyperparameters) -> list[str]:
        """Return the hyper-parameters that are basic or set, and that the factory does not accept."""
        return [name for name in SYNONYMS if name not in self.accepts and (name in BASIC or _is_set(h, name))]

    def chosen(self, h: Hyperparameters) -> dict[str, Any]:
        """Return the values that are passed to the factory, by hyper-parameter.

        Each hyper-parameter with an argument of its own is passed, so that a verdict does not depend on the factory's
        defaults. Exception: one that is off, and that is off by default, is left to the default, because "off" may be
        0 in one factory and None in another. `**hyper` receives only the hyper-parameters that are set.
        """
        return {
            ours: getattr(h, ours)
            for ours in SYNONYMS
            if ours in self.accepts
            and (ours in BASIC or _is_set(h, ours) or (ours in self.names and not self._off(ours)))
        }

    def call(self, factory: Callable[..., Any], parameters: list[Any], given: Mapping[str, Any]) -> Any:
        """Call the factory of this signature with values by hyper-parameter, and the parameters if it takes any."""
        named = {self.names.get(ours, ours): value for ours, value in given.items()}
        if self._positional:
            return factory(parameters, **named)
        return factory(**named, **({self.parameters: parameters} if self.parameters else {}))

    def _off(self, ours: str) -> bool:
        """Return whether the factory's default switches a hyper-parameter off."""
        if ours not in self.defaults:
            return False
        usual = getattr(shared.hyperparameters.Hyperparameters(), ours)
        return self.defaults[ours] in (_NO_BOUND if usual is None else (None, usual))


def _is_set(h: Hyperparameters, name: str) -> bool:
    return bool(getattr(h, name) != getattr(shared.hyperparameters.Hyperparameters(), name))


Arguments = Mapping[str, inspect.Parameter]


def _levels(factory: Callable[..., Any]) -> list[Arguments]:
    """Return the arguments of a function, or those of the constructors of a class and its base classes.

    A constructor with `**kwargs` passes these to the constructor of a base class, whose arguments are the next level.
    """
    if not inspect.isclass(factory):
        return [inspect.signature(factory).parameters]
    levels: list[Arguments] = []
    for base in factory.__mro__:
        if "__init__" in vars(base) and base is not object:
            arguments = dict(list(inspect.signature(vars(base)["__init__"]).parameters.items())[1:])  # without `self`
            levels.append(arguments)
            if not any(a.kind is a.VAR_KEYWORD for a in arguments.values()):
                break
    return levels or [{}]


def _find(names: Sequence[str], levels: Sequence[Arguments]) -> inspect.Parameter | None:
    """Return the argument with the first of these names, at the first level that has any of them."""
    return next((level[name] for level in levels for name in names if name in level), None)
