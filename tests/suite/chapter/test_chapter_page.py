"""The page and the Markdown of the chapter: findings, published numbers, missing results, and escaping."""

import json
import re

import pytest

from suite.chapter.chapter import PARTS, describe, findings, load, write
from suite.errors import UserError
from tests.support import sample_chapter, sample_results


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A complete results folder of the chapter with its page."""
    folder = sample_chapter.build(tmp_path_factory.mktemp("chapter") / "complete")
    write(folder)
    return folder


@pytest.fixture(scope="module")
def html(written):
    return (written / "chapter.html").read_text("utf-8")


def test_every_part_has_a_section_in_the_order_of_the_book(written):
    sections = describe(load(written))
    assert [section.heading.number for section in sections] == [1, 2, 3, 4, 5, 6, 7]
    assert [section.heading for section in sections] == [part.heading for part in PARTS]
    assert all(section.findings and section.heading.quote for section in sections)


def test_every_finding_is_beside_a_figure(written, html):
    for section in describe(load(written)):
        for exhibit in section.exhibits:
            assert exhibit.findings
            assert f'data-figure="{exhibit.figure.id}"' in html
            assert "<svg" in exhibit.figure.svg
    assert html.count('<div class="choices"') == html.count("data-figure=")  # or the page's script draws nothing
    specs = json.loads(re.search(r'id="figure-data">(.*?)</script>', html)[1])
    assert set(specs) == set(re.findall(r'data-figure="([^"]+)"', html))


def test_the_page_fetches_nothing_and_runs_only_its_own_scripts(html):
    assert "default-src &#39;none&#39;" in html
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert not re.search(r"<(?:script|img|link|iframe|object|embed)[ >]", markup)
    assert not re.search(r"<[a-z][^<>]*\s(?:src|srcset|xlink:href)=", markup)


def test_text_from_a_results_folder_is_escaped(written, html):
    assert "<script>alert(1)" not in html
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in html
    assert "<script>" not in (written / "chapter.md").read_text("utf-8")
    assert sample_results.HOSTILE not in html


def test_published_numbers_are_compared_with_ours(written):
    numbers = {number.name: number for section in describe(load(written)) for number in section.numbers}
    x1, half_life = numbers["x₁ after 20 steps"], numbers["half-life of an observation, γ = 0.9"]
    assert (x1.published, x1.ours, x1.same) == ("-0.010599", "-0.010599", True)
    assert (half_life.published, half_life.ours, half_life.same) == ("γ⁻¹ = 1.11", "6.58 steps", False)
    loss = numbers["loss, torch, from scratch"]
    assert (loss.published, loss.ours, loss.same) == ("0.244", "0.245", None)


def test_the_markdown_has_every_finding_and_every_table(written):
    text = (written / "chapter.md").read_text("utf-8")
    plain = re.sub(r"\\(.)", r"\1", text).replace("&amp;", "&")
    for section in describe(load(written)):
        assert f"## {section.heading.number} {section.heading.title}" in plain
        for finding in section.findings:
            assert f"- {finding}" in plain
        for table in section.tables:
            assert f"### {table.title}" in plain
    assert "| ✓ same |" in text


def test_a_missing_framework_is_named(written, html):
    assert "mxnet is missing everywhere: there is no environment for mxnet" in html
    assert load(written).complete


def test_the_page_of_an_interrupted_run_names_the_part_that_was_not_completed(tmp_path):
    folder = sample_chapter.build(tmp_path / "cut", sample_chapter.averages(), finished=False)
    write(folder)
    html = (folder / "chapter.html").read_text("utf-8")
    assert "This run is incomplete." in html
    assert "The part “averages” was not completed." in html


def test_repeated_rows_are_read_once(tmp_path):
    rows = list(sample_chapter.averages())
    folder = sample_chapter.build(tmp_path / "twice", [*rows, *rows])
    assert len(load(folder).rows["averages"]) == len(rows)


@pytest.mark.parametrize("part", [part.heading.name for part in PARTS])
def test_a_part_without_usable_rows_has_a_section_without_findings(tmp_path, part):
    row = {
        "part": part,
        "framework": "oracle",
        "problem": "nothing",
        "method": "nothing",
        "results": "no",
        "series": [1],
    }
    (section,) = describe(load(sample_chapter.build(tmp_path / "empty", [row])))
    assert section.findings == ()


@pytest.mark.parametrize("part", [part.heading.name for part in PARTS])
def test_a_part_with_rows_of_the_oracle_alone_has_findings(tmp_path, part):
    rows = [row for row in sample_chapter.rows() if row["part"] == part and row["framework"] == "oracle"]
    folder = sample_chapter.build(tmp_path / "oracle", rows)
    assert findings(folder)[1:]
    assert write(folder)


def test_a_folder_without_a_manifest_is_rejected(tmp_path):
    with pytest.raises(UserError, match="not a results folder"):
        write(tmp_path)
