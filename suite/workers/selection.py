"""The frameworks, implementations, tasks and rows that a user has selected. A selection of nothing is an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from suite.cases.expression import Selection
from suite.cases.tasks import Task
from suite.errors import UserError
from suite.workers.protocol import Message


def framework_of(name: str) -> str:
    """Return the framework of a release's name: `mxnet` for `mxnet==2.0.0b1` and for `mxnet`."""
    return name.partition("==")[0]


def selection_text(framework: str, implementation: str, about: str, dtype: str, dialect: str | None) -> str:
    """Return the text of a row that `-k` matches.

    A release can be selected by its framework's name, and by its own, which stands at the end.
    """
    name = framework_of(framework)
    release = "" if name == framework else f" {framework}"
    return f"{name}/{implementation} {about} {dtype} {dialect or ''}{release}"


def matches_pattern(name: str, pattern: str) -> bool:
    """Whether a pattern selects an implementation, such as `mxnet/builtin` or `mxnet==2.0.0b1/builtin`."""
    framework, slash, rest = name.partition("/")
    without_version = framework_of(framework) + slash + rest
    return any(fnmatchcase(one, pattern) or pattern in one.split("/") for one in (name, without_version))


def matching_frameworks(every: Sequence[str], patterns: Sequence[str]) -> Sequence[str]:
    """Return the frameworks to start: if each pattern names one, as `torch/builtin` does, only these; else all."""
    if not patterns or not all("/" in pattern for pattern in patterns):
        return every
    named = [pattern.partition("/")[0] for pattern in patterns]
    return [n for n in every if any(fnmatchcase(one, p) for one in (n, framework_of(n)) for p in named)] or every


def matching_implementations(hellos: Mapping[str, Message], patterns: Sequence[str]) -> dict[str, list[str]]:
    """Return the implementations that match a pattern, by framework; all if there is no pattern.

    A pattern that matches none raises UserError.
    """
    every = [f"{framework}/{name}" for framework, hello in hellos.items() for name in hello["implementations"]]
    for pattern in patterns:
        if not any(matches_pattern(name, pattern) for name in every):
            raise UserError(f"no implementation matches {pattern!r}; there are {', '.join(every)}")
    return {
        framework: [
            name
            for name in hello["implementations"]
            if not patterns or any(matches_pattern(f"{framework}/{name}", pattern) for pattern in patterns)
        ]
        for framework, hello in hellos.items()
    }


def matching_tasks(every: Mapping[str, Task], wanted: Iterable[str]) -> dict[str, Task]:
    """Return the tasks of these names, all if there is no name; raise UserError if there is no such task."""
    wanted = list(wanted)
    unknown = [name for name in wanted if name not in every]
    if unknown:
        raise UserError(f"no task {unknown[0]!r}; there are {', '.join(every)}")
    return {name: task for name, task in every.items() if not wanted or name in wanted}


def require_match(selection: Selection, texts: Iterable[str]) -> None:
    """Raise UserError if an expression selects none of these texts."""
    example = ""
    for text in texts:
        if selection.matches(text):
            return
        example = example or text.strip()
    raise UserError(f"-k {selection.expression!r} selects nothing; it is matched with texts such as {example!r}")
