"""The page of the section reproduced: whole from made-up rows, honest about what is missing, deaf to what it reads."""

import json
import re

import pytest

from reports import ReportError
from reports.chapter import sentences, write
from reports.chapter.reading import load
from reports.chapter.sections import BUILDERS, build
from tests.support import sample_chapter, sample_results


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A complete folder, with its page."""
    folder = sample_chapter.build(tmp_path_factory.mktemp("chapter") / "complete")
    write(folder)
    return folder


@pytest.fixture(scope="module")
def html(written):
    return (written / "chapter.html").read_text("utf-8")


def test_there_is_a_section_for_every_part_in_the_book_s_order(written):
    sections = build(load(written))
    assert [section.number for section in sections] == [1, 2, 3, 4, 5, 6, 7]
    assert [section.name for section in sections] == list(BUILDERS)
    assert all(section.headline and section.asks for section in sections)


def test_every_finding_stands_beside_a_figure(written, html):
    for section in build(load(written)):
        for exhibit in section.exhibits:
            assert exhibit.findings
            assert f'data-figure="{exhibit.figure.id}"' in html
            assert "<svg" in exhibit.figure.svg
    assert html.count('<div class="choices"></div>') == html.count("data-figure=")  # or the page's script draws nothing
    specs = json.loads(re.search(r'id="figure-data">(.*?)</script>', html)[1])
    assert set(specs) == set(re.findall(r'data-figure="([^"]+)"', html))


def test_the_page_fetches_nothing_and_runs_no_script_but_its_own(html):
    assert "default-src &#39;none&#39;" in html
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    assert not re.search(r"<(?:script|img|link|iframe|object|embed)[ >]", markup)
    assert not re.search(r"<[a-z][^<>]*\s(?:src|srcset|xlink:href)=", markup)


def test_text_from_elsewhere_stays_text(written, html):
    assert "<script>alert(1)" not in html
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in html
    assert "<script>" not in (written / "chapter.md").read_text("utf-8")
    assert sample_results.HOSTILE not in html


def test_the_published_numbers_stand_beside_ours_and_say_whether_they_are_the_same(written):
    numbers = {number.what: number for section in build(load(written)) for number in section.numbers}
    x1, half_life = numbers["x₁ after 20 steps"], numbers["half-life of an observation, γ = 0.9"]
    assert (x1.published, x1.ours, x1.holds) == ("-0.010599", "-0.010599", True)
    assert (half_life.published, half_life.ours, half_life.holds) == ("γ⁻¹ = 1.11", "6.58 steps", False)
    loss = numbers["loss, torch, from scratch"]
    assert (loss.published, loss.ours, loss.holds) == ("0.244", "0.245", None)


def test_the_markdown_has_every_sentence_and_every_table(written):
    text = (written / "chapter.md").read_text("utf-8")
    plain = re.sub(r"\\(.)", r"\1", text).replace("&amp;", "&")
    for section in build(load(written)):
        assert f"## {section.number} {section.title}" in plain
        for finding in section.findings:
            assert f"- {finding}" in plain
        for sheet in section.sheets:
            assert sheet.caption in plain
    assert "| ✓ same |" in text


def test_a_framework_that_is_missing_is_named(written, html):
    assert "mxnet is left out everywhere: there is no environment for mxnet" in html
    assert load(written).complete


def test_a_run_that_was_cut_off_says_which_part_did_not_end(tmp_path):
    folder = sample_chapter.build(tmp_path / "cut", sample_chapter.averages(), finished=False)
    write(folder)
    html = (folder / "chapter.html").read_text("utf-8")
    assert "This run is incomplete." in html
    assert "The part “averages” did not come to its end." in html


def test_rows_that_are_repeated_count_once(tmp_path):
    once = list(sample_chapter.averages())
    folder = sample_chapter.build(tmp_path / "twice", [*once, *once])
    assert len(load(folder).rows["averages"]) == len(once)


@pytest.mark.parametrize("part", list(BUILDERS))
def test_a_part_whose_rows_hold_nothing_is_a_section_without_findings(tmp_path, part):
    row = {"part": part, "framework": "oracle", "subject": "nothing", "method": "nothing", "found": "no", "series": [1]}
    (section,) = build(load(sample_chapter.build(tmp_path / "empty", [row])))
    assert section.findings == ()


@pytest.mark.parametrize("part", list(BUILDERS))
def test_a_part_that_only_the_oracle_did_has_its_findings(tmp_path, part):
    made = [row for row in sample_chapter.rows() if row["part"] == part and row["framework"] == "oracle"]
    folder = sample_chapter.build(tmp_path / "alone", made)
    assert sentences(folder)[1:]
    assert write(folder)


def test_a_folder_without_a_manifest_is_none(tmp_path):
    with pytest.raises(ReportError, match="not a results folder"):
        write(tmp_path)
