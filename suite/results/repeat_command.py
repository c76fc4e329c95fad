"""The command that asks for one row again: complete, quoted for a shell, and asking nobody else."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from suite.workers.selection import framework_of


@dataclass(frozen=True)
class Conditions:
    """Under which rows were made; what is usual is not said again.

    Attributes:
        device: where the frameworks run.
        threads: in every framework.
        seed: of tapes and tasks.
        data: the folder of the data that a user named.
        download: whether the publisher may be asked.
        timeout: seconds to an answer.
        pythons: framework -> interpreter, of those that a user named.
    """

    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    data: Path | None = None
    download: bool = True
    timeout: float = 180.0
    pythons: Mapping[str, Path] = field(default_factory=dict)

    def command(self, verb: str, framework: str, implementation: str, *arguments: str) -> str:
        """`rmsuite VERB` for one implementation with these arguments, under the same conditions.

        Args:
            verb: the command.
            framework: its name, or that of a release.
            implementation: its name there.
            arguments: as they are.
        """
        bare = framework_of(framework)
        who = [*(["-f", framework] if bare != framework else []), "-i", f"{bare}/{implementation}"]
        return shlex.join(["rmsuite", *verb.split(), *who, *arguments, *self._arguments(framework)])

    def _arguments(self, framework: str) -> Iterator[str]:
        usual = Conditions()
        for name in ("device", "threads", "seed", "timeout"):
            value = getattr(self, name)
            if value != getattr(usual, name):
                yield from (f"--{name}", f"{value:g}" if isinstance(value, float) else str(value))
        if self.data is not None:
            yield from ("--data", str(self.data.absolute()))
        if not self.download:
            yield "--no-download"
        if framework in self.pythons:
            yield from ("--python", f"{framework}={self.pythons[framework].absolute()}")
