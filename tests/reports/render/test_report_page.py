"""The HTML page: complete, safe with hostile text, and accessible."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

import reports
from reports.figures.traces import box_around, contours, quadratic, rotated
from reports.render.html import script_json
from tests.support import sample_results
from tests.support.sample_results import HOSTILE


class Page(HTMLParser):
    """The elements of a page, and the text of its scripts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.scripts, self.open, self.text = [], [], None, []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self.open = tag
            if tag == "script":
                self.scripts.append([dict(attributes), ""])

    def handle_endtag(self, tag):
        if tag == self.open:
            self.open = None

    def handle_data(self, data):
        if self.open == "script":
            self.scripts[-1][1] += data
        elif self.open is None:
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def source(report_folder):
    return (report_folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


@pytest.mark.parametrize("value", [HOSTILE, "</SCRIPT >", "<!--<script>", "]]>", "\u2028 & '\"", "<\\/script>"])
def test_embedded_json_cannot_close_its_script(value):
    encoded = script_json({value: [value]})
    assert not set("<>&") & set(encoded)
    assert json.loads(encoded) == {value: [value]}


def test_embedding_numbers_that_are_not_json_is_an_error():
    with pytest.raises(ValueError, match="JSON"):
        script_json(float("nan"))


def test_hostile_text_creates_no_element(page):
    assert not page.all("img")
    assert [attributes.get("type") for attributes, _ in page.scripts] == ["application/json"] * 2 + [None] * 2
    assert "<script>alert(1)</script>" in "".join(page.text)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_hostile_names_create_no_element(folder):
    for name, rows in sample_results.all_tables().items():
        texts = ("framework", "implementation", "version", "device", "dialect", "case", "task", "benchmark", "unit")
        hostile = [row | {key: f'"{HOSTILE}' for key in texts if key in row} for row in rows[:3]]
        hostile += [rows[0] | {key: f"{HOSTILE} {rows[0][key]}" for key in ("framework", "dialect")}]
        (folder / f"{name}.jsonl").write_text(sample_results.json_lines(hostile), encoding="utf-8")
    manifest = sample_results.manifest(command=[HOSTILE], device=HOSTILE, created=HOSTILE)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    reports.write(folder)
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert not page.all("img")
    assert len(page.scripts) == 4


def test_the_content_security_policy_allows_only_the_two_scripts_of_the_page(page):
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    digests = [hashlib.sha256(text.encode()).digest() for attributes, text in page.scripts if not attributes]
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    assert policy.startswith(f"default-src 'none'; script-src {allowed}; ")


def test_the_page_fetches_nothing(page, source):
    assert not [a for tag, a in page.elements if tag in ("link", "iframe", "object", "embed", "base")]
    assert not [a for _, a in page.elements if {"src", "srcset", "poster", "background"} & set(a)]
    style = re.search("<style>(.*?)</style>", source, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert '"url"' not in next(text for attributes, text in page.scripts if attributes.get("id") == "figure-data")


def test_every_verdict_is_embedded(page):
    data = json.loads(next(text for attributes, text in page.scripts if attributes.get("id") == "verdict-data"))
    assert data["size"] == len(sample_results.verdicts())
    outcome = data["columns"]["outcome"]
    assert len(outcome["places"]) == data["size"]
    assert set(outcome["values"]) == set(data["symbols"])


def test_every_figure_has_a_specification_an_element_and_a_description(page):
    specs = json.loads(next(text for attributes, text in page.scripts if attributes.get("id") == "figure-data"))
    containers = [a for _, a in page.elements if "data-figure" in a]
    assert [a["data-figure"] for a in containers] == list(specs)
    assert list(specs) == [
        "figure-growth",
        "figure-quadratic",
        "figure-rotated",
        "figure-regression-loss",
        "figure-regression-distance",
        "figure-timing-0",
        "figure-steps-0",
        "figure-tensors-0-1000000",
    ]
    assert all(a["role"] == "img" and a["aria-label"] for a in containers)
    assert len(page.all("svg")) == len(specs)
    assert "η, γ and ε" in "".join(page.text)


def test_ids_are_unique_and_every_reference_has_a_target(page):
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    inside = [a["href"][1:] for a in page.all("a") if a["href"].startswith("#")]
    labels = [a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a]
    assert set(inside) | set(labels) <= set(ids)


def test_tables_have_captions_scopes_and_regions_that_a_keyboard_can_scroll(page):
    tags = [tag for tag, _ in page.elements]
    assert tags.count("caption") == tags.count("table")
    assert all("scope" in a for a in page.all("th"))
    assert all(a.get("tabindex") == "0" for _, a in page.elements if a.get("class") == "scroll")
    assert page.all("html") == [{"lang": "en"}]
    assert page.elements[tags.index("body") + 1] == ("a", {"class": "skip", "href": "#answers"})


def test_the_questions_are_answered_in_order(source):
    questions = ("Do they agree?", "What differs, and why?", "What losses?", "How fast?", "Under which conditions?")
    places = [source.index(question) for question in questions]
    assert places == sorted(places)


def test_a_page_without_figures_has_no_charting_script(folder):
    (folder / "training.jsonl").unlink()
    (folder / "timings.jsonl").unlink()
    rows = [{**row, "error_curve": None} for row in sample_results.verdicts()]
    (folder / "verdicts.jsonl").write_text(sample_results.json_lines(rows), encoding="utf-8")
    reports.write(folder)
    assert (folder / "report.html").stat().st_size < 500_000


def test_twenty_implementations_with_ten_thousand_verdicts_stay_under_ten_megabytes(folder):
    def named(row, copy):
        more = "-b" if copy % 2 and row["framework"] in ("torch", "tensorflow") else ""
        return row | {"case": f"{row['case']}/{copy}", "implementation": f"{row['implementation']}{more}"}

    rows = [named(row, copy) for copy in range(17) for row in sample_results.verdicts()]
    assert len(rows) > 10_000
    assert len({(row["framework"], row["implementation"]) for row in rows}) > 20
    (folder / "verdicts.jsonl").write_text(sample_results.json_lines(rows), encoding="utf-8")
    reports.write(folder)
    assert (folder / "report.html").stat().st_size < 10_000_000


@pytest.mark.parametrize(("task", "function"), [("quadratic", quadratic), ("rotated", rotated)])
def test_a_contour_stays_on_its_level_up_to_the_corners_of_the_box(task, function):
    box = box_around([(-5.0, -2.0), (1.0, 0.5), (1e9, 0.0)])
    corners = [function(x1, x2) for x1 in (box.left, box.right) for x2 in (box.bottom, box.top)]
    levels = {}
    for row in contours(task, box):
        levels.setdefault(row["level"], []).append(function(row["x1"], row["x2"]))
    assert all(max(values) == pytest.approx(min(values)) for values in levels.values())
    assert len(levels) == 9
    assert max(map(max, levels.values())) < max(corners)


def test_contours_are_clipped_at_the_edges_of_the_box(report_folder):
    page = Page((report_folder / "report.html").read_text(encoding="utf-8"))
    specs = json.loads(next(text for attributes, text in page.scripts if attributes.get("id") == "figure-data"))
    for name in ("figure-quadratic", "figure-rotated"):
        line = next(layer for layer in specs[name]["layer"] if layer["data"] == {"name": "contours"})
        assert line["mark"]["clip"] is True
        points = specs[name]["datasets"]["visited"] + specs[name]["datasets"]["oracle"]
        for axis, field in (("x", "x1"), ("y", "x2")):
            low, high = line["encoding"][axis]["scale"]["domain"]
            assert all(low <= point[field] <= high for point in points)


def test_without_points_in_range_there_is_no_box():
    assert box_around([]) is None
    assert box_around([(1e9, 1e9)]) is None
