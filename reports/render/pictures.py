"""The pictures of the README, from a results folder: `python -m reports.render.pictures [RESULTS]` (`nox -s pictures`).

The first is the page's first screen, as a Chromium shows it; the second a figure of it. Both are in light colours.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import vl_convert

from reports.figures import collection
from reports.figures.chart_style import Figure
from reports.read.results import load
from reports.read.schema import ReportError
from reports.render import files
from reports.render.html import source
from reports.render.png import compact
from reports.tables import report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip
WIDTH, HEIGHT = 1280, 800
"""Of the first screen, in CSS pixels."""

LIMIT = 300_000
"""Bytes of a picture at most."""

FIGURES = ("figure-steps-0", "figure-timing-0", "figure-growth")
"""The figure that is shown: the first of these that a run has."""

SCREEN, FIGURE = "report.png", "steps.png"
SCALES = (2.0, 1.75, 1.5, 1.25, 1.0)
"""Pixels for each of CSS, the finest first."""

PATIENCE = 60  # seconds that the browser may take
_VARIABLE = re.compile(r"var\((--[\w-]+)\)")


def write(results: Path, folder: Path, scales: Sequence[float] = SCALES) -> list[Path]:
    """Make the pictures, each at the first of the scales at which it stays below the limit; return their paths.

    Raises:
        ReportError: if there is nothing to show, no browser, or a picture that won't get small enough.
    """
    report = files.write(results)[0]
    found = {figure.id: figure for part in _drawn(results).values() for figure in part}
    chosen = next((found[name] for name in FIGURES if name in found), None)
    if chosen is None:
        raise ReportError(f"{results} has no figure to show; make a whole run with `rmsuite run`")
    screen = _smallest(_screens(report, scales), SCREEN)
    figure = _smallest(_figures(chosen.spec, scales), FIGURE)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in ((SCREEN, screen), (FIGURE, figure)):
        (folder / name).write_bytes(content)
        written.append(folder / name)
    return written


def _drawn(results: Path) -> dict[str, list[Figure]]:
    loaded = load(results)
    return collection.build(loaded, report.build(loaded))


def _smallest(pictures: Iterator[bytes], name: str) -> bytes:
    for content in pictures:
        if len(content) <= LIMIT:
            return content
    raise ReportError(f"{name} is larger than {LIMIT:,} bytes at any scale")


def _screens(report: Path, scales: Sequence[float]) -> Iterator[bytes]:
    """The first screen at each scale."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise ReportError(f"no browser: none of {', '.join(BROWSERS)} is on the path")
    for scale in scales:
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "screen.png"
            size = (f"--window-size={WIDTH},{HEIGHT}", f"--force-device-scale-factor={scale}")
            command = [browser, *QUIET, *size, f"--user-data-dir={folder}/profile", f"--screenshot={picture}"]
            try:
                subprocess.run([*command, report.resolve().as_uri()], capture_output=True, timeout=PATIENCE, check=True)
                yield compact(picture.read_bytes())
            except (OSError, subprocess.SubprocessError) as error:
                raise ReportError(f"{Path(browser).name} made no picture: {error}") from error


def _figures(spec: dict[str, Any], scales: Sequence[float]) -> Iterator[bytes]:
    """A figure at each scale, in the colours of the page by day."""
    colours = dict(re.findall(r"(--[\w-]+): ([^;]+);", source("page.css.jinja").partition("@media")[0]))
    plain = _coloured(spec, colours)
    plain["background"] = colours["--card"]
    plain |= {"width": 900, "padding": 16, "autosize": "pad"}
    for scale in scales:
        yield compact(bytes(vl_convert.vegalite_to_png(plain, scale=scale)))


def _coloured(value: Any, colours: dict[str, str]) -> Any:
    """A specification with colours in place of the page's variables."""
    if isinstance(value, dict):
        return {key: _coloured(item, colours) for key, item in value.items()}
    if isinstance(value, list):
        return [_coloured(item, colours) for item in value]
    return _VARIABLE.sub(lambda match: colours[match[1]], value) if isinstance(value, str) else value


def main(arguments: list[str]) -> int:
    """Make the pictures of a results folder (the newest one in results/, unless one is named) in docs/."""
    found = sorted(path.parent for path in Path("results").glob("*/manifest.json"))
    if len(arguments) > 1 or not (arguments or found):
        return _say("name one results folder: python -m reports.render.pictures RESULTS")
    try:
        written = write(Path(arguments[0]) if arguments else found[-1], Path("docs"))
    except (ReportError, OSError) as error:
        return _say(str(error))
    for path in written:
        sys.stdout.write(f"{path}, {path.stat().st_size:,} bytes\n")
    return 0


def _say(words: str) -> int:
    sys.stderr.write(f"{words}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
