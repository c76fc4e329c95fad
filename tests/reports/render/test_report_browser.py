"""The page in Chromium: it makes no requests and raises no errors, and its controls work."""

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

import reports
from reports.render import pictures
from suite.errors import UserError
from tests.support import sample_results

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
TIMEOUT = 20_000  # milliseconds; the page needs a tenth of a second


@pytest.fixture(scope="module")
def browser():
    """One Chromium for all tests; without it, they fail in CI and are skipped elsewhere."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        reason = f"no browser: none of {', '.join(NAMES)} is on the path (Debian's package is chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield browser
        browser.close()


class OpenPage:
    """An open page, with its console messages and requests."""

    def __init__(self, browser, file, width=1280, height=800, scheme="light"):
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.set_default_timeout(TIMEOUT)
        self.messages, self.requests = [], []
        self.page.on("console", lambda message: self.messages.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def figure(self, name):
        """Scroll to a figure, wait until it is drawn, and return it."""
        figure = self.page.locator(f"#{name}")
        figure.scroll_into_view_if_needed()
        self.page.locator(f"#{name} [data-drawn]").wait_for()
        return figure

    @property
    def overflow(self):
        """The number of pixels by which the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture
def open_page(browser):
    """Return a function that opens pages, which are closed after the test."""
    pages = []

    def open_(file, **options):
        pages.append(OpenPage(browser, file, **options))
        return pages[-1]

    yield open_
    for page in pages:
        page.context.close()


@pytest.fixture
def report_page(open_page, report_folder):
    """The report of the complete folder."""
    return open_page(report_folder / "report.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_figure_is_drawn_without_requests_or_errors(open_page, report_folder, scheme):
    opened = open_page(report_folder / "report.html", scheme=scheme)
    names = opened.page.locator("figure").evaluate_all("figures => figures.map(figure => figure.id)")
    assert len(names) == 8
    for name in names:
        opened.figure(name)
    assert opened.messages == []
    assert opened.requests == [(report_folder / "report.html").as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_preferred_scheme(open_page, report_folder, scheme):
    page = open_page(report_folder / "report.html", scheme=scheme).page
    background, text = page.evaluate("['background-color', 'color'].map(n => getComputedStyle(document.body)[n])")
    lightness = [sum(map(int, colour.strip("rgb()").split(","))) for colour in (background, text)]
    assert (lightness[0] > lightness[1]) == (scheme == "light")


@pytest.mark.parametrize("width", [320, 400, 1280, 1920])
def test_the_page_is_not_wider_than_its_window(open_page, report_folder, width):
    opened = open_page(report_folder / "report.html", width=width)
    for name in ("figure-growth", "figure-steps-0", "figure-regression-loss"):
        opened.figure(name)
    assert opened.overflow == 0


@pytest.mark.parametrize("width", [1265, 1920])  # 1265: 1280 without the width of a scroll bar
def test_long_names_and_times_fit_into_the_first_screen(open_page, report_folder, width):
    page = open_page(report_folder / "report.html", width=width).page
    row = page.locator(".ranking tbody tr").first
    row.locator("th").evaluate("cell => cell.textContent = 'torch/scratch-compiled'")
    texts = ["1,299", "851 – 1,371", "169", "80.7", "100 %"]
    row.locator("td.number").evaluate_all("(cells, texts) => cells.map((c, i) => c.textContent = texts[i])", texts)
    cut = page.locator(".answer .scroll").evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)")
    assert len(cut) >= 2
    assert max(cut) <= 0


def test_clicking_a_heading_sorts_and_clicking_it_again_reverses(report_page):
    page = report_page.page
    table = page.locator("table:has(#agreement-caption)")
    head = table.locator("thead th").filter(has_text="Largest error")
    place = head.evaluate("cell => cell.cellIndex")

    def column():
        texts = table.locator("tbody tr").evaluate_all("(rows, at) => rows.map(r => r.cells[at].innerText)", place)
        return [float(text) for text in texts]

    before = column()
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert column() == sorted(before) != before
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert column() == sorted(before, reverse=True)


def test_times_are_sorted_by_value_and_not_by_digits(report_page):
    page = report_page.page
    details = page.locator("#timing details").first
    head = details.locator("thead th").filter(has_text="First call")
    head.get_by_role("button").click()
    place = head.evaluate("cell => cell.cellIndex")
    texts = details.locator("tbody tr").evaluate_all("(rows, at) => rows.map(r => r.cells[at].innerText)", place)
    units = {"µs": 1e-6, "ms": 1e-3, "s": 1.0}
    seconds = [float(number) * units[unit] for number, unit in (text.split() for text in texts if text)]
    assert seconds == sorted(seconds)
    assert len({text.split()[1] for text in texts if text}) > 1
    assert texts[-1] == ""  # missing values come last


def test_the_search_box_filters_rows(report_page):
    page = report_page.page
    page.get_by_label("Show the rows with this text: Verdicts by implementation").fill("legacy")
    shown = page.locator("table:has(#agreement-caption) tbody tr:visible")
    assert shown.count() == 1
    assert "keras-legacy" in shown.inner_text()


def test_verdicts_are_filtered_by_the_form_and_by_cells_of_the_matrix(report_page):
    page, rows = report_page.page, report_page.page.locator("#verdict-table tbody tr")
    status = page.locator("#verdicts .status")
    page.get_by_label("Search").fill("timeout after")
    assert rows.count() == 1
    assert "paddle" in rows.inner_text()
    assert status.inner_text().startswith("1 of 590")
    page.locator("table:has(#matrix-caption) td.differs a").first.click()
    page.wait_for_function("document.querySelectorAll('#verdict-table tbody tr').length === 10")
    assert page.get_by_label("Dialect").last.input_value() == "torch"
    assert all("mlx" in text for text in rows.all_inner_texts())


def test_arrow_keys_move_between_cells_and_tab_leaves_the_matrix(report_page):
    page = report_page.page
    links = page.locator("table:has(#matrix-caption) td a")
    assert links.evaluate_all("found => found.filter(each => each.tabIndex === 0).length") == 1
    links.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    found = page.evaluate("[document.activeElement.dataset.name, document.activeElement.dataset.property]")
    assert found == ["jax/scratch", "plain update"]


def test_hovering_a_mark_shows_its_numbers(report_page):
    figure = report_page.figure("figure-growth")
    figure.locator(".mark-symbol.role-mark path").first.hover(force=True)
    tooltip = report_page.page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    text = tooltip.inner_text()
    assert "Implementation" in text
    assert "Bound, ulps" in text
    assert "2.5" in text


def count_faint_lines(figure):
    """Return the number of lines in a figure that are drawn faintly."""
    return figure.locator(".mark-line.role-mark path").evaluate_all(
        "found => found.filter(each => Number(each.getAttribute('opacity')) < 0.1).length"
    )


def test_clicking_the_legend_highlights_a_framework(report_page):
    figure = report_page.figure("figure-regression-distance")
    assert count_faint_lines(figure) == 0
    figure.locator(".role-legend-label text").filter(has_text="mxnet").click()
    report_page.page.wait_for_function("document.querySelector('#figure-regression-distance [opacity=\"0.06\"]')")
    assert 0 < count_faint_lines(figure) < figure.locator(".mark-line.role-mark path").count()


def test_the_drop_down_list_highlights_a_framework(report_page):
    figure = report_page.figure("figure-regression-distance")
    figure.get_by_label("Show framework").select_option("mxnet")
    report_page.page.wait_for_function("document.querySelector('#figure-regression-distance [opacity=\"0.06\"]')")
    assert 0 < count_faint_lines(figure) < figure.locator(".mark-line.role-mark path").count()


def test_the_page_of_a_comparison_is_shown_without_requests_or_errors(open_page, report_folder, folder, tmp_path):
    changed = [row | {"outcome": "differs"} if n == 5 else row for n, row in enumerate(sample_results.verdicts())]
    (folder / "verdicts.jsonl").write_text(sample_results.json_lines(changed), encoding="utf-8")
    time = reports.Time(
        "torch/builtin", "step/10", ("1", "2"), (1e-5, 2e-5), 2.0, (1.9, 2.1), 0.5, 0.02, "slower", None
    )
    found = reports.compare(reports.load(report_folder), reports.load(folder), [time])
    page, _ = reports.write_comparison(found, tmp_path / "comparison")
    opened = open_page(page, width=400)
    opened.figure("figure-ratios")
    assert opened.overflow == 0
    assert "1 of 659 outcomes changed" in opened.page.locator("main").inner_text()
    assert opened.messages == []
    assert opened.requests == [page.as_uri()]


def test_the_pictures_of_the_readme_are_written_and_small(browser, folder, tmp_path):
    written = pictures.write(folder, tmp_path / "docs", scales=(1.0,))
    assert [path.name for path in written] == ["report.png", "steps.png"]
    for path in written:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) <= 300_000
        assert int.from_bytes(content[16:20], "big") >= 900  # pixels across


def test_pictures_of_a_report_without_figures_are_an_error(folder, tmp_path):
    for name in ("training", "timings"):
        (folder / f"{name}.jsonl").unlink()
    rows = [{**row, "error_curve": None} for row in sample_results.verdicts()]
    (folder / "verdicts.jsonl").write_text(sample_results.json_lines(rows), encoding="utf-8")
    with pytest.raises(UserError, match="has no figure"):
        pictures.write(folder, tmp_path)
