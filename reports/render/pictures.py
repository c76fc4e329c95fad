"""The pictures of the README, from a results folder: `python -m reports.render.pictures [RESULTS]` (`nox -s pictures`).

The first is a screenshot of the page's first screen by Chromium, the second a figure of the page. Both are in the light
colours, with at most 256 colours, and small enough for a README.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import vl_convert
from PIL import Image, UnidentifiedImageError

from reports import figures
from reports.figures.chart_style import Spec
from reports.read import load
from reports.render import files
from reports.render.html import source
from reports.tables import report
from suite.errors import UserError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
           "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip

SCREEN, FIGURE = "report.png", "steps.png"
FIGURES = ("figure-steps-0", "figure-timing-0", "figure-growth")  # ids; the first that a run has is shown
WIDTH, HEIGHT = 1280, 800  # of the first screen, in CSS pixels
SCALES = (2.0, 1.75, 1.5, 1.25, 1.0)  # device pixels per CSS pixel, the finest first
LIMIT = 300_000  # the largest size of a picture in bytes
TIMEOUT = 60  # seconds that the browser may take


def write(results: Path, folder: Path, scales: Sequence[float] = SCALES) -> list[Path]:
    """Make both pictures, each at the first scale at which it is below the limit; return their paths.

    Raises:
        UserError: if the run has no figure, no browser is installed, or a picture is too large at every scale.
    """
    page = files.write(results)[0]
    loaded = load(results)
    drawn = figures.build(loaded, report.build(loaded))
    found = {figure.id: figure for part in drawn.values() for figure in part}
    chosen = next((found[name] for name in FIGURES if name in found), None)
    if chosen is None:
        raise UserError(f"{results} has no figure to show; make a complete run with `rmsuite run`")
    screen = _first_below_limit(_screenshots(page, scales), SCREEN)
    figure = _first_below_limit(_drawings(chosen.spec, scales), FIGURE)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / SCREEN, folder / FIGURE]
    for path, content in zip(paths, (screen, figure), strict=True):
        path.write_bytes(content)
    return paths


def compact(content: bytes) -> bytes:
    """The same picture as PNG with a palette of at most 256 colours, without transparency.

    Raises:
        ValueError: if the content is not a PNG.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=["PNG"]).convert("RGB")
    except UnidentifiedImageError as error:
        raise ValueError("not a PNG") from error
    file = io.BytesIO()
    image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


def _first_below_limit(pictures: Iterator[bytes], name: str) -> bytes:
    for content in pictures:
        if len(content) <= LIMIT:
            return content
    raise UserError(f"{name} is larger than {LIMIT:,} bytes at every scale")


def _screenshots(page: Path, scales: Sequence[float]) -> Iterator[bytes]:
    """The first screen of the page at each scale."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise UserError(f"no browser found; install one of {', '.join(BROWSERS)}")
    for scale in scales:
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "screen.png"
            size = (f"--window-size={WIDTH},{HEIGHT}", f"--force-device-scale-factor={scale}")
            command = [browser, *OPTIONS, *size, f"--user-data-dir={folder}/profile", f"--screenshot={picture}"]
            try:
                subprocess.run([*command, page.resolve().as_uri()], capture_output=True, timeout=TIMEOUT, check=True)
                yield compact(picture.read_bytes())
            except (OSError, subprocess.SubprocessError) as error:
                raise UserError(f"{Path(browser).name} made no screenshot: {error}") from error


def _drawings(spec: Spec, scales: Sequence[float]) -> Iterator[bytes]:
    """A figure at each scale, in the light colours of the page."""
    colours = dict(re.findall(r"(--[\w-]+): ([^;]+);", source("page.css.jinja").partition("@media")[0]))
    drawn = re.sub(r"var\((--[\w-]+)\)", lambda match: colours[match[1]], json.dumps(spec))
    plain = {**json.loads(drawn), "background": colours["--card"], "width": 900, "padding": 16, "autosize": "pad"}
    for scale in scales:
        yield compact(bytes(vl_convert.vegalite_to_png(plain, scale=scale)))


def main(arguments: list[str]) -> int:
    """Make the pictures in docs/ from a results folder: the named one, else the newest in results/."""
    found = sorted(path.parent for path in Path("results").glob("*/manifest.json"))
    try:
        if len(arguments) > 1 or not (arguments or found):
            raise UserError("name one results folder: python -m reports.render.pictures RESULTS")
        written = write(Path(arguments[0]) if arguments else found[-1], Path("docs"))
    except (UserError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for path in written:
        sys.stdout.write(f"{path}, {path.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
