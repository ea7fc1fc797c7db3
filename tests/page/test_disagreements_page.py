"""The page of compare_judges' disagreements in a browser."""

from pathlib import Path

import pytest
from judging.test_compare_judges import ALONE, OTHER_LABEL, TRUTHS, judgements, samples
from page.browser import Look, check_accessibility, check_fits

from spd_faith.judging.agreement import compare_judgements
from spd_faith.judging.disagreements import disagreement_page

pytestmark = pytest.mark.page

HOSTILE = "</blockquote><script>window.broken = 1</script><img src=x onerror='window.broken = 1'>{{ 7 }} &amp;"
ANSWERS = [HOSTILE, "המכונית הפכה לכחולה. The clock is gone.", "x" * 100_000]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("disagreements") / "disagreements.html"
    comparisons = compare_judgements(samples(), judgements(), judgements(drf_3=OTHER_LABEL, cr_1=ALONE))
    answers = {("easy/3", "drf"): ANSWERS[:1], ("easy/1", "cr"): ANSWERS[1:]}
    names = ("rules", "a-judge-with-a-rather-long-name <i>")
    path.write_text(disagreement_page(comparisons, names, 50, TRUTHS, answers), encoding="utf-8")
    return path


def test_everybody_can_read_it(open_page, path: Path, look: Look, screenshot):
    page = open_page(path, look)
    check_accessibility(page)
    check_fits(page)
    screenshot(page, "disagreements", look)


def test_answers_are_shown_as_text(open_page, path: Path):
    page = open_page(path)
    shown = page.locator("blockquote span").all_text_contents()
    assert HOSTILE in shown and ANSWERS[1] in shown
    assert page.locator("img, blockquote script").count() == 0 and not page.evaluate("window.broken")
    direction = page.locator("blockquote span", has_text="The clock").evaluate("one => getComputedStyle(one).direction")
    assert direction == "rtl"


def test_a_disagreement_shows_in_forced_colors(open_page, path: Path):
    page = open_page(path, Look(forced_colors=True))
    assert page.locator("tr.disputed td:first-child").all_text_contents() == ["≠"] * 3
