"""The leaderboard's page of a small run, in a browser."""

import csv
import io
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from page.browser import Look, check_accessibility, check_fits, eventually, two_frames, watched_page
from page.hostile_run import LABEL
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from waiting import COMMAND_SECONDS
from workflow.project import Project

pytestmark = pytest.mark.page

MODELS = ["Tiny Qwen2-VL", LABEL, "Constant"]


@pytest.fixture(scope="module")
def path(run: Project) -> Path:
    return run.folder / "results/demo/leaderboard.html"


@pytest.fixture(scope="module")
def shared(browser, path: Path) -> Iterator[Page]:
    """One page for the tests that leave it as they found it."""
    with watched_page(browser, path) as page:
        yield page


@pytest.fixture
def page(shared: Page) -> Page:
    shared.reload()
    return shared


def scroll_through(page: Page) -> None:
    """Until everything that is drawn on sight is drawn."""
    position = 0
    while position < page.evaluate("document.documentElement.scrollHeight"):
        page.evaluate("y => scrollTo(0, y)", position)
        two_frames(page)
        position += page.viewport_size["height"]
    page.evaluate("scrollTo(0, 0)")
    for chart in page.locator("[data-chart]").all():
        check_drawn(chart)
    two_frames(page)


def check_drawn(chart: Locator) -> None:
    expect(chart.locator("svg[aria-hidden=true]")).to_be_attached()  # which comes last


def column(page: Page, title: str) -> Locator:
    """The values of a column as they stand in the wide table."""
    titles = [text.strip() for text in page.locator("#wide thead tr:last-child th:visible").all_inner_texts()]
    return page.locator(f"#wide tbody tr > :nth-last-child({len(titles) - titles.index(title)}) > span")


def models(page: Page) -> Locator:
    return page.locator("#wide tbody th")


def heading(page: Page, title: str) -> Locator:
    return page.locator("#wide thead th:visible", has_text=re.compile(rf"^\s*{re.escape(title)}\s*$"))


@pytest.mark.parametrize("title", ["Overall", "DS"])
def test_sorts_by_mouse_and_by_keyboard(page: Page, title: str):
    values = column(page, title)
    highest_first = sorted(values.all_text_contents(), key=float, reverse=True)
    assert len(set(highest_first)) > 1
    heading(page, title).click()
    expect(heading(page, title)).to_have_attribute("aria-sort", "descending")
    expect(values).to_have_text(highest_first)
    heading(page, title).get_by_role("button").press("Enter")
    expect(heading(page, title)).to_have_attribute("aria-sort", "ascending")
    expect(values).to_have_text(highest_first[::-1])


def test_filters_models(page: Page):
    assert sorted(models(page).all_text_contents()) == sorted(MODELS)
    page.get_by_label("Filter").fill("constant")
    expect(models(page)).to_have_text(["Constant"])
    page.get_by_label("Filter").fill("nobody")
    expect(page.locator("#wide tbody")).to_contain_text("No matching")
    page.get_by_label("Filter").fill("")
    expect(models(page)).to_have_count(len(MODELS))


def test_groups_of_columns_come_and_go(page: Page):
    groups = page.get_by_role("group", name="Groups of columns").get_by_role("button").all()
    assert groups[0].inner_text() == "Headline" and len(groups) > 3
    headings = page.locator("#wide thead th:visible")
    before = headings.count()
    for button in groups[1:]:
        expect(button).to_have_attribute("aria-pressed", "false")
        button.press("Space")
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(headings.nth(before)).to_be_visible()  # one more
        expect(page.locator("#wide thead th[colspan]:visible", has_text=button.inner_text())).to_have_count(1)
        button.click()
        expect(headings).to_have_count(before)


@pytest.fixture
def copied(browser, path: Path):
    """What a button copies; where the browser does not allow it, a dialog shows it."""

    def copied(name: str) -> str:
        with watched_page(browser, path) as page:
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            page.get_by_label("Filter").fill("n")
            page.get_by_role("button", name=name).click()
            expect(page.locator("#copied")).to_contain_text("clipboard")
            return page.evaluate("navigator.clipboard.readText()")

    return copied


def test_copies_as_csv(copied, page: Page):
    rows = list(csv.reader(io.StringIO(copied("Copy as CSV"))))
    assert rows[0][:3] == ["Rank", "Model", "DRF"] and len({len(row) for row in rows}) == 1
    named = {row[1]: dict(zip(rows[0], row, strict=True)) for row in rows[1:]}
    assert set(named) == set(MODELS)
    shown = dict(zip(models(page).all_text_contents(), column(page, "DRF").all_text_contents(), strict=True))
    assert all(named[model]["DRF"] == shown[model] for model in MODELS)
    ends = [[float(named[model][f"DRF{end}"]) for end in (" low", "", " high")] for model in MODELS]
    assert ends == [sorted(one) for one in ends] and 0 < ends[0][0] < ends[0][2]


def test_copies_as_markdown(copied):
    head, line, *rows = copied("Copy as Markdown").splitlines()
    assert head.startswith("| Rank | Model | DRF") and set(line) <= set("|- ")
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in (head, line, *rows)} == {head.count("|")}
    assert any(r'\<i>Their "modèle" 模\_1\</i> & co.' in row for row in rows)
    assert any("**" in row for row in rows)


def test_copies_as_latex_that_compiles(copied, tmp_path: Path):
    text = copied("Copy as LaTeX")
    package, text = text.split("\n", 1)
    assert text.startswith(r"\begin{tabular}{") and r"\& co." in text and r"\textbf{" in text
    preamble = rf"\documentclass{{article}}{package.removeprefix('% ')}"
    paper = rf"{preamble}\begin{{document}}{text}\end{{document}}"
    (tmp_path / "paper.tex").write_text(paper, encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    assert done.returncode == 0, done.stdout[-2000:]


def test_what_cannot_be_copied_is_shown(browser, path: Path):
    with watched_page(browser, path) as page:
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }")
        page.get_by_role("button", name="Copy as CSV").click()
        area = page.get_by_role("textbox", name="Table as text")
        expect(area).to_have_value(re.compile("^Rank,Model"))
        check_accessibility(page, "dialog")
        page.get_by_role("button", name="Close").click()
        expect(area).to_be_hidden()


def test_definitions_by_hover_and_by_focus(page: Page):
    tip = page.locator("#definition")
    explained = page.locator("#wide thead [data-definition]:visible").all()
    assert len(explained) >= 8  # the rank and each headline metric
    for heading in explained:
        said = heading.get_attribute("data-definition")
        assert len(said) > 20
        heading.hover()
        expect(tip).to_be_visible()
        expect(tip).to_have_text(said)
        page.mouse.move(0, 0)
        expect(tip).to_be_hidden()
        heading.get_by_role("button").focus()
        expect(tip).to_be_visible()
        expect(tip).to_have_text(said)
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()
        described = heading.get_by_role("button").get_attribute("aria-describedby")
        expect(page.locator(f"#{described}")).to_have_text(said)
        page.evaluate("document.activeElement.blur()")


def test_a_tap_on_a_heading_shows_its_definition(browser, path: Path):
    page = browser.new_page(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page.goto(path.as_uri())
    heading(page, "DRF").tap()
    expect(heading(page, "DRF")).to_have_attribute("aria-sort", "descending")
    two_frames(page)  # until sorting has moved what it moves
    expect(page.locator("#definition")).to_contain_text("Difference Reasoning Faithfulness")
    expect(page.locator("#definition")).to_be_visible()
    page.context.close()


def test_charts_react_to_the_menu_and_the_mouse(page: Page):
    scroll_through(page)
    chart = page.locator(".chart.comparisons [data-chart]").first
    menu = chart.locator("xpath=ancestor::*[contains(@class, 'charts')]").locator("select")
    first = menu.input_value()
    before = chart.inner_html()
    menu.select_option(label="DS")
    for attempt in eventually():
        with attempt:
            assert chart.inner_html() != before
    menu.select_option(first)
    for attempt in eventually():
        with attempt:
            assert chart.inner_html() == before
    page.locator(".chart.seeing .mark-symbol path").first.hover(force=True)
    expect(page.locator("#vg-tooltip-element")).to_contain_text("DRF")


def test_sections_are_reached_by_their_links(page: Page):
    for link in page.get_by_role("navigation", name="Sections").get_by_role("link").all():
        target = page.locator(link.get_attribute("href"))
        expect(target).to_have_count(1)


def test_a_figure_is_shown_and_a_missing_one_is_named(browser, path: Path, tmp_path: Path):
    """Without the fixture that watches the page: a file that is not there is an error on its console."""
    copy = tmp_path / "leaderboard.html"
    copy.write_bytes(path.read_bytes())
    drawn = tmp_path / "figures/tiny-qwen2-vl/attention_by_step.png"
    drawn.parent.mkdir(parents=True)
    Image.new("RGB", (40, 30)).save(drawn)
    page = browser.new_page()
    page.goto(copy.as_uri())
    figures = page.locator("details.figures")
    figures.locator("summary").click()
    for figure in figures.locator("figure").all():
        figure.scroll_into_view_if_needed()
    expect(figures.locator(".missing").first).to_have_text("Not drawn: figures/tiny-qwen2-vl/attention_by_layer.png")
    shown = figures.locator("img")
    expect(shown).to_have_count(1)
    expect(shown).to_have_js_property("naturalWidth", 40)
    expect(figures.locator("figcaption").first).to_contain_text("What it cannot say:")
    page.context.close()


def test_names_of_models_are_text(page: Page):
    assert LABEL in models(page).all_text_contents() and page.locator("main i").count() == 0
    assert not page.evaluate("window.broken")


def test_everybody_can_read_it(open_page, path: Path, look: Look, screenshot):
    page = open_page(path, look)
    scroll_through(page)
    check_accessibility(page)
    check_fits(page)
    screenshot(page, "leaderboard", look)
    for button in page.get_by_role("group", name="Groups of columns").get_by_role("button").all()[1:]:
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
    check_accessibility(page, "#leaderboard")
    check_fits(page)


def test_it_can_be_read_in_forced_colors(open_page, path: Path, screenshot):
    look = Look(1920, "dark", forced_colors=True, reduced_motion=True)
    page = open_page(path, look)
    scroll_through(page)
    check_accessibility(page)
    pressed, other = (page.locator(f"[data-group][aria-pressed={state}]").first for state in ("true", "false"))
    color = "one => getComputedStyle(one).backgroundColor"
    assert pressed.evaluate(color) != other.evaluate(color)
    screenshot(page, "leaderboard-forced-colors", look)


def test_on_paper_all_charts_and_columns_are_there(open_page, path: Path):
    page = open_page(path, Look(1280))
    page.emulate_media(media="print")
    expect(page.locator("[data-chart]:empty")).not_to_have_count(0)  # those out of sight
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for chart in page.locator("[data-chart]").all():
        check_drawn(chart)
    for scrolled in page.locator("main > section > .scrolled").all():
        expect(scrolled).to_have_css("overflow-x", "visible")
    expect(page.locator(".tools")).to_be_hidden()


def test_without_javascript_the_tables_are_there(browser, path: Path):
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(path.resolve().as_uri())
        expect(page.locator("noscript p")).to_have_text(re.compile("shows its tables"))
        expect(page.locator("noscript p")).to_be_visible()
        assert sorted(models(page).all_text_contents()) == sorted(MODELS)
    finally:
        context.close()
