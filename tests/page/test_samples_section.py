"""The samples of a run, in a browser: links, images, answers, filters, keys."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from page.browser import Look, check_accessibility, check_fits, eventually, two_frames, watched_page
from page.hostile_run import LABEL, LONG, TEXTS
from playwright.sync_api import Page, expect
from workflow.project import Project

pytestmark = pytest.mark.page

FIRST_OF_MULTI = "multi_diff/00000_"


@pytest.fixture(scope="module")
def samples(run: Project) -> list[str]:
    return run.table("samples.parquet")["sample_id"].tolist()


@pytest.fixture(scope="module")
def path(run: Project) -> Path:
    return run.folder / "results/demo/leaderboard.html"


@pytest.fixture(scope="module")
def shared(browser, path: Path) -> Iterator[Page]:
    with watched_page(browser, path) as page:
        yield page


@pytest.fixture
def page(shared: Page) -> Page:
    shared.goto(shared.url.split("#")[0])
    return shared


def link(sample: str, model: str = "theirs", **more: str) -> str:
    return "&".join(f"{name}={quote(value)}" for name, value in {"sample": sample, "model": model, **more}.items())


def go(page: Page, sample: str, model: str = "theirs", **more: str) -> None:
    # What follows a link runs after the link is set; it reads the fragment by itself if it has not started yet
    page.evaluate(
        """fragment => new Promise((done) => {
            const before = location.hash;
            addEventListener("hashchange", () => done(), { once: true });
            location.hash = fragment;
            if (location.hash === before) done();
        })""",
        link(sample, model, **more),
    )
    expect(page.locator("#sample-title")).to_have_text(sample)


def images_are_there(page: Page) -> None:
    """Both images of the sample are drawn, with their boxes: nothing moves or comes any more."""
    expect(page.locator("#sample-stage figcaption", has_text="pixels")).to_have_count(2)
    page.locator("#sample-stage img").evaluate_all("all => Promise.all(all.map((one) => one.decode()))")
    two_frames(page)


def named(samples: list[str], start: str) -> str:
    return next(sample for sample in samples if sample.startswith(start))


def test_a_link_leads_to_a_sample(open_page, path: Path, samples: list[str]):
    sample = named(samples, FIRST_OF_MULTI)
    page = open_page(path, fragment="#" + link(sample, "constant", view="slider"))
    expect(page.locator("#sample-title")).to_have_text(sample)
    expect(page.locator("#sample-title")).to_be_in_viewport()
    expect(page.locator("#sample-answers")).to_contain_text("Answers of Constant")
    expect(page.get_by_role("button", name="Slider")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#samples-list [aria-current=true]")).to_contain_text(sample)


def test_a_link_can_be_copied(open_page, path: Path, samples: list[str]):
    page = open_page(path, fragment="#" + link(samples[2]))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(path.as_uri() + "#") and samples[2] in copied


def test_a_link_to_an_unknown_sample_says_that_there_is_none(page: Page, samples: list[str]):
    go(page, "easy/99999_<i>x")
    expect(page.locator("#sample")).to_contain_text(f"None of the {len(samples)} samples of the run has this id.")
    expect(page.locator("#sample i")).to_have_count(0)


def test_boxes_lie_on_the_images_and_can_be_hidden(page: Page, samples: list[str], run: Project):
    sample = named(samples, FIRST_OF_MULTI)
    go(page, sample)
    row = run.table("samples.parquet").set_index("sample_id").loc[sample]
    true = next(one for one in row["differences"] if one["bbox"] is not None)
    box = page.locator("#sample [data-layer='0'] .box:not(.ghost)").first
    expect(box).to_be_visible()
    images_are_there(page)
    for attempt in eventually():
        with attempt:
            image = page.locator("#sample [data-layer='0'] img").bounding_box()
            found, scale = box.bounding_box(), image["width"] / row["width"]
            assert found["x"] - image["x"] == pytest.approx(true["bbox"]["x"] * scale, abs=3)
            assert found["height"] == pytest.approx(true["bbox"]["h"] * scale, abs=6)
    page.get_by_label("True boxes").uncheck()
    expect(page.locator("#sample .box:visible")).to_have_count(0)
    page.locator("#sample-title").focus()
    page.keyboard.press("b")
    expect(box).to_be_visible()


def test_flickers_until_it_is_paused(open_page, path: Path, samples: list[str]):
    page = open_page(path)
    page.clock.install()
    go(page, samples[0])
    page.get_by_role("button", name="Flicker").click()
    turn = page.locator("#sample-turn")
    expect(turn).to_have_text("second image")
    expect(page.locator("[data-layer='0']")).to_be_hidden()
    expect(turn).to_have_text("first image")
    expect(page.locator("[data-layer='1']")).to_be_hidden()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    before = turn.inner_text()
    page.clock.run_for(700)  # one turn, if it still flickered
    expect(turn).to_have_text(before)
    page.get_by_role("button", name="Flip").click()
    expect(turn).not_to_have_text(before)


def test_nothing_moves_by_itself_with_reduced_motion(open_page, path: Path, samples: list[str]):
    page = open_page(path, Look(reduced_motion=True))
    page.clock.install()
    go(page, samples[0], view="flicker")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.clock.run_for(700)  # one turn, if it flickered
    expect(page.locator("#sample-turn")).to_have_text("first image")


def test_the_slider_uncovers_one_image(page: Page, samples: list[str]):
    go(page, samples[0], view="slider")
    slider = page.get_by_role("slider")
    stage = page.locator("#sample-stage")
    images_are_there(page)
    shown = set()
    for change in (lambda: slider.fill("100"), lambda: slider.press("Home"), lambda: slider.fill("50")):
        change()
        for attempt in eventually():
            with attempt:
                two_frames(page)
                now = stage.screenshot()
                assert now not in shown
        shown.add(now)


@pytest.mark.parametrize("number", range(len(TEXTS)), ids=["html", "hebrew", "long", "wide", "odd"])
@pytest.mark.parametrize("width", [360, 1920])
def test_any_answer_is_shown_as_text(open_page, path: Path, samples: list[str], number: int, width: int):
    page = open_page(path, Look(width), fragment="#" + link(samples[number]))
    answers = page.locator("#sample-answers .answer")
    expect(answers).to_have_count(3)
    describe, same, _ = answers.all()
    expect(describe).to_be_visible()
    more = describe.get_by_role("button")
    if TEXTS[number] == LONG:
        assert len(describe.text_content()) < 10_000
        more.click()
        expect(more).to_have_count(0)
    text = TEXTS[number].replace("\ud83d", "\ufffd").replace("\x00", "\u2400").strip()
    assert describe.text_content().startswith(text)  # its list follows
    assert same.text_content().startswith("No. ")
    assert describe.locator(":not(mark)").count() == 0 and not page.evaluate("window.broken")
    check_fits(page)


def test_names_of_models_are_text(page: Page, samples: list[str]):
    go(page, samples[0])
    expect(page.locator("#sample-answers h4")).to_have_text(f"Answers of {LABEL}")


def test_search_and_filters(page: Page, samples: list[str]):
    items, count = page.locator("#samples-list li"), page.locator("#samples-count")
    expect(count).to_have_text(f"{len(samples)} samples")
    page.get_by_label("Search").fill("clock is gone")
    expect(count).to_have_text(re.compile(f"^[1-9][0-9]* of {len(samples)} samples"))
    page.get_by_label("Search").fill(samples[3])
    expect(items.first).to_contain_text(samples[3])
    page.get_by_role("button", name="Clear all").click()
    expect(count).to_have_text(f"{len(samples)} samples")
    page.locator("#samples-filters [name=split]").select_option("hard")
    hard = sum(sample.startswith("hard/") for sample in samples)
    expect(count).to_have_text(f"{hard} of {len(samples)} samples")
    expect(items.filter(has_text="hard/")).to_have_count(hard)
    page.get_by_label("Search").fill("no such words anywhere")
    expect(count).to_contain_text("No sample fits")


def test_a_filter_opens_what_it_finds(open_page, path: Path, samples: list[str]):
    page = open_page(path)
    title, answers = page.locator("#sample-title"), page.locator("#sample-answers h4")
    page.locator("#samples-filters [name=model]").select_option(label="Constant")
    expect(answers).to_have_text("Answers of Constant")
    expect(title).to_have_text(samples[0])  # which fits
    page.locator("#samples-filters [name=split]").select_option("multi_diff")
    expect(title).to_have_text(named(samples, FIRST_OF_MULTI))
    expect(answers).to_have_text("Answers of Constant")
    fragment = f"#sample={named(samples, FIRST_OF_MULTI)}&model=constant"
    expect(page).to_have_url(re.compile(re.escape(fragment)))
    page.get_by_label("Search").fill("no such words anywhere")
    expect(page.locator("#samples-count")).to_contain_text("No sample fits")
    expect(title).to_have_text(named(samples, FIRST_OF_MULTI))


def test_the_sample_of_a_link_stays_whatever_the_filters(open_page, path: Path, samples: list[str]):
    page = open_page(path, fragment="#" + link(samples[1], "theirs"))
    page.locator("#samples-filters [name=split]").select_option("multi_diff")
    listed = page.locator("#samples-list .id")
    expect(listed.first).to_have_text(named(samples, FIRST_OF_MULTI))
    expect(page.locator("#sample-title")).to_have_text(samples[1])
    page.locator("#samples-filters [name=model]").select_option(label="Constant")
    expect(page.locator("#sample-answers h4")).to_have_text("Answers of Constant")
    expect(page.locator("#sample-title")).to_have_text(samples[1])
    second = listed.nth(1).inner_text()
    page.locator("#samples-list a").nth(1).click()
    expect(page.locator("#sample-title")).to_have_text(second)
    page.locator("#samples-filters [name=split]").select_option("easy")
    expect(page.locator("#sample-title")).to_have_text(samples[0])


def test_filters_by_claims_and_maps_and_the_signs_of_the_list(page: Page, run: Project, samples: list[str]):
    ids = page.locator("#samples-list .id")
    probed = set(run.table("probes/tiny-qwen2-vl/token_activation_map.parquet")["sample_id"])
    page.locator("#samples-filters [name=maps]").select_option(label="has activation maps")
    expect(ids).to_have_text([sample for sample in samples if sample in probed])
    page.get_by_role("button", name="Clear all").click()
    expect(page.locator("#samples-count")).to_have_text(f"{len(samples)} samples")
    unfaithful = {
        row["sample_id"]
        for model in ("tiny-qwen2-vl", "theirs", "constant")
        for row in run.table(f"judgements/rules/{model}.parquet").to_dict("records")
        if any(claim["label"] == "unfaithful" for claim in row["claims"])
    }
    errors = page.locator("#samples-filters [name=error]")
    errors.select_option(label="an unfaithful claim")
    expect(page.locator("#samples-count")).to_contain_text(f"{len(unfaithful)} of ")
    expect(ids).to_have_text([sample for sample in samples if sample in unfaithful])
    expect(page.locator("#sample .claims .unfaithful").first).to_be_visible()
    assert "a contradictory claim" not in errors.inner_text()  # no answer has one
    expect(page.locator("#samples-legend")).to_contain_text("✗ errors (✗2: of two kinds)")


def test_an_undone_version_keeps_the_numbers_of_its_pair(page: Page, run: Project):
    table = run.table("samples.parquet")
    undone = table[(table["control"] == "undone") & (table["undone_difference"] == 0)].iloc[0]
    go(page, undone["sample_id"], "tiny-qwen2-vl")
    first, second = page.locator("#sample .differences > li").all()[:2]
    assert [one.evaluate("one => one.value") for one in (first, second)] == [1, 2]
    expect(first).to_contain_text("undone here: ")
    expect(first).to_contain_text("named")
    expect(second.locator(".chip")).to_contain_text("named")
    has_box = [one["bbox"] is not None or one["bbox_after"] is not None for one in undone["differences"]]
    images_are_there(page)
    numbers = set(page.locator("#sample .box:not(.ghost) span").all_inner_texts())
    assert numbers == {str(number + 2) for number, has_one in enumerate(has_box) if has_one}
    versions = page.get_by_role("region", name="Versions of this pair")
    expect(versions.locator("[aria-current]")).to_have_text(re.compile("^difference 1 undone"))
    assert re.search("was (not )?named", versions.inner_text())


@pytest.mark.parametrize("width", [360, 1920])
def test_what_a_claim_or_a_word_changes_is_in_view(open_page, path: Path, run: Project, width: int):
    probed = run.table("probes/tiny-qwen2-vl/token_activation_map.parquet")["sample_id"].iloc[-1]
    page = open_page(path, Look(width), fragment="#" + link(probed, "tiny-qwen2-vl"))
    images_are_there(page)
    for target in ("#sample [data-word]:enabled", "#sample .claims button"):
        button = page.locator(target).last
        button.click()
        expect(button).to_be_focused()
        for image in page.locator("#sample-stage img").all():
            expect(image).to_be_in_viewport(ratio=0.95)
        if width == 360:
            for attempt in eventually():
                with attempt:  # the images do not cover it
                    assert button.bounding_box()["y"] >= page.locator("#sample-stage").bounding_box()["height"] - 5


def test_the_table_of_models_fits_beside_the_answers(open_page, path: Path, samples: list[str]):
    page = open_page(path, fragment="#" + link(samples[2], "constant"))
    table = page.get_by_role("region", name="Scores of all models, in percent")
    assert table.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_claims_and_differences_point_at_each_other(page: Page, samples: list[str]):
    go(page, named(samples, FIRST_OF_MULTI), "tiny-qwen2-vl")
    images_are_there(page)
    mark = page.locator("#sample-answers mark").first
    mark.hover()
    expect(page.locator("#sample-answers .claims .lit").first).to_be_visible()
    claim = page.locator("#sample-answers .claims button[data-about]:not([data-about=''])").first
    claim.focus()
    expect(page.locator("#sample .box.lit").first).to_be_visible()


def test_keys_step_through_the_samples(page: Page, samples: list[str]):
    go(page, samples[0])
    page.locator("#sample-title").focus()
    page.keyboard.press("n")
    expect(page.locator("#sample-title")).to_have_text(samples[1])
    page.keyboard.press("p")
    expect(page.locator("#sample-title")).to_have_text(samples[0])
    page.go_back()
    expect(page.locator("#sample-title")).to_have_text(samples[1])


def test_versions_of_a_pair_are_one_step_away(page: Page, samples: list[str]):
    base = next(sample for sample in samples if f"{sample}-identical" in samples)
    go(page, base)
    page.get_by_role("region", name="Versions of this pair").get_by_role("link", name="the first image twice").click()
    expect(page.locator("#sample-title")).to_have_text(f"{base}-identical")


def test_an_activation_map_covers_the_images(page: Page, run: Project):
    probed = run.table("probes/tiny-qwen2-vl/token_activation_map.parquet")["sample_id"].iloc[0]
    go(page, probed, "tiny-qwen2-vl")
    word = page.get_by_role("region", name="Activation maps").locator("button:enabled").first
    images_are_there(page)
    before = page.locator("#sample-stage").screenshot()
    word.press("Enter")
    expect(word).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#sample-stage canvas").first).to_be_visible()
    for attempt in eventually():
        with attempt:
            assert page.locator("#sample-stage").screenshot() != before


def test_everybody_can_read_it(open_page, path: Path, samples: list[str], run: Project, look: Look, screenshot):
    sample = named(samples, FIRST_OF_MULTI)
    page = open_page(path, look, fragment="#" + link(sample, "tiny-qwen2-vl"))
    expect(page.locator("#sample-title")).to_have_text(sample)
    images_are_there(page)
    check_accessibility(page, "#samples")
    check_fits(page)
    screenshot(page, "samples", look)
    for view in ("flicker", "slider"):
        go(page, sample, view=view)
        expect(page.locator(f"[data-view={view}]")).to_have_attribute("aria-pressed", "true")
        images_are_there(page)
        check_accessibility(page, "#samples")
        check_fits(page)


def test_a_page_of_chosen_samples(open_page, run: Project, samples: list[str], tmp_path: Path):
    path = tmp_path / "samples.html"
    command = [sys.executable, "workflow_scripts/draw_samples.py", "--results", str(run.folder / "results/demo")]
    done = subprocess.run([*command, "--output", str(path), "--sample", samples[1]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = open_page(path, Look(360))
    expect(page.locator("#sample-title")).to_have_text(samples[1])
    images_are_there(page)
    check_accessibility(page)
    check_fits(page)
    go(page, samples[9])  # which it does not hold
    results = run.folder / "results/demo"
    drawn = f"python workflow_scripts/draw_samples.py --results {results} --sample {samples[9]} --output samples.html"
    expect(page.locator("#sample code")).to_have_text(drawn)


def test_it_can_be_read_in_forced_colors(open_page, path: Path, samples: list[str], screenshot):
    look = Look(1920, "dark", forced_colors=True, reduced_motion=True)
    page = open_page(path, look, fragment="#" + link(named(samples, FIRST_OF_MULTI), "tiny-qwen2-vl"))
    images_are_there(page)
    check_accessibility(page, "#samples")
    words = page.locator("#sample-answers .answer, #sample-answers .answer mark")
    colors = words.evaluate_all("all => all.map((one) => getComputedStyle(one).color)")
    assert set(colors) == {"rgb(255, 255, 255)"}  # on black
    screenshot(page, "samples-forced-colors", look)


def test_what_was_clicked_is_not_lit_in_the_next_sample(page: Page, samples: list[str]):
    first, second = samples[0], samples[1]
    go(page, first, "tiny-qwen2-vl")
    images_are_there(page)
    page.locator("#sample .claims button").first.click()
    page.locator("#sample-title").hover()
    expect(page.locator("#sample .claims .lit").first).to_be_visible()
    go(page, second, "tiny-qwen2-vl")
    expect(page.locator("#sample .claims button").first).to_be_visible()
    images_are_there(page)
    page.locator("#sample-title").hover()
    expect(page.locator("#sample .lit")).to_have_count(0)


def test_a_view_that_does_not_exist_is_the_usual_one(page: Page, samples: list[str]):
    go(page, samples[0], view="constructor")
    expect(page.locator("#sample-title")).to_have_text(samples[0])
    expect(page.get_by_role("button", name="Side by side")).to_have_attribute("aria-pressed", "true")
