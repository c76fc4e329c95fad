"""What of all that there is a user has chosen; what can't be chosen is answered with what can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from suite.cases.expression import Selection
from suite.cases.tasks import Task
from suite.workers.names import framework_of
from suite.workers.protocol import Message


def frameworks(every: Sequence[str], patterns: Sequence[str]) -> Sequence[str]:
    """Those that are started: if every pattern names a framework, as `torch/builtin` does, none but these."""
    if not patterns or not all("/" in pattern for pattern in patterns):
        return every
    named = [pattern.partition("/")[0] for pattern in patterns]
    return [n for n in every if any(fnmatchcase(one, p) for one in (n, framework_of(n)) for p in named)] or every


def named(hellos: Mapping[str, Message], patterns: Sequence[str]) -> dict[str, list[str]]:
    """The implementations that match a pattern, by framework; all if there is no pattern.

    Raises:
        LookupError: if a pattern matches none.
    """
    every = [f"{framework}/{name}" for framework, hello in hellos.items() for name in hello["implementations"]]
    for pattern in patterns:
        if not any(matches(name, pattern) for name in every):
            raise LookupError(f"no implementation matches {pattern!r}; there are {', '.join(every)}")
    chosen: dict[str, list[str]] = {framework: [] for framework in hellos}
    for name in every:
        if not patterns or any(matches(name, pattern) for pattern in patterns):
            framework, _, implementation = name.partition("/")
            chosen[framework].append(implementation)
    return chosen


def implementations(
    hellos: Mapping[str, Message], chosen: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str, str | None]]:
    """Framework, implementation and declared dialect of all that are chosen."""
    for framework, names in chosen.items():
        for name in names:
            yield framework, name, hellos[framework]["implementations"][name].get("dialect")


def tasks(every: Mapping[str, Task], wanted: Iterable[str]) -> dict[str, Task]:
    """The tasks of these names; all if none is given.

    Raises:
        LookupError: if there is no such task.
    """
    wanted = list(wanted)
    unknown = [name for name in wanted if name not in every]
    if unknown:
        raise LookupError(f"no task {unknown[0]!r}; there are {', '.join(every)}")
    return {name: task for name, task in every.items() if not wanted or name in wanted}


def check(selection: Selection, texts: Iterable[str]) -> None:
    """See to it that an expression selects something.

    Raises:
        LookupError: if it selects none of the texts.
    """
    shown = ""
    for text in texts:
        if selection.matches(text):
            return
        shown = shown or text.strip()
    raise LookupError(f"-k {selection.expression!r} selects nothing; what it could select reads as {shown!r} does")


def matches(name: str, pattern: str) -> bool:
    """Whether an implementation, as `mxnet/builtin` or `mxnet==2.0.0b1/builtin`, is meant."""
    framework, slash, rest = name.partition("/")
    bare = framework_of(framework) + slash + rest
    return any(fnmatchcase(one, pattern) or pattern in one.split("/") for one in (name, bare))
