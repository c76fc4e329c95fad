"""Progress on standard error: a bar on a terminal, and a line every ten seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_INTERVAL = 10.0  # seconds between lines where there is no terminal


class Progress:
    """Reports progress on standard error unless another console is given."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, style="dim", markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[str], None]]:
        """Report a stage of `total` steps; call what is yielded after each step, with a word on it."""
        if not self.console.is_terminal:
            yield self._lines(name, total)
            self.say(f"{name}: done")
            return
        described, word, left = map(TextColumn, ("{task.description:<10}", "{task.fields[word]:<10}", "left"))
        columns = (
            described, BarColumn(), MofNCompleteColumn(), word, TimeElapsedColumn(), left, TimeRemainingColumn()
        )  # fmt: skip
        with Bar(*columns, console=self.console) as bar:
            task = bar.add_task(name, total=total, word="")
            yield lambda word: bar.update(task, advance=1, word=word)

    def _lines(self, name: str, total: int) -> Callable[[str], None]:
        begin = last = time.monotonic()
        count = 0

        def advance(word: str) -> None:  # noqa: ARG001  (only the bar shows it)
            nonlocal count, last
            count += 1
            if time.monotonic() - last >= _INTERVAL:
                last = time.monotonic()
                left = (last - begin) * (total - count) / count
                self.say(f"{name}: {count} of {total} after {last - begin:.0f} s, about {left:.0f} s left")

        return advance
