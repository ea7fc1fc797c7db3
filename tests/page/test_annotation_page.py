"""The annotation page in a browser: people label by mouse or by keyboard, and the saved file is imported."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from judging.annotations.worked_results import FIRST, FOURTH, PAIRS, RIGHT, SECOND, THIRD, write_results
from page.browser import Look, check_accessibility, check_fits, eventually, two_frames
from playwright.sync_api import expect

from spd_faith.core.files import read_table
from spd_faith.judging.labels import LABELS

pytestmark = pytest.mark.page

HEBREW = "המכונית הפכה לכחולה 🚗. The clock is gone."
HOSTILE = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 1'><b>bold</b> &amp; {{ 7 }}"
ANSWERS = {
    "tiger": {
        FIRST: RIGHT,
        SECOND: (HOSTILE, "No.", "Yes."),
        THIRD: (HEBREW, "No.", "Yes."),
        FOURTH: ("long " * 20_000, "No.", "No, " + "x" * 300),
    }
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("annotations")
    results = write_results(folder / "demo", ANSWERS)
    run("export_annotations.py", "--results", results, "--pairs", len(PAIRS), "--output", folder / "out")
    return folder


def run(command: str, *flags) -> str:
    line = [sys.executable, f"workflow_scripts/{command}", *map(str, flags)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def start(folder: Path, open_page):
    """The page after somebody gave a name."""

    def start(look: Look | None = None):
        page = open_page(folder / "out/for_annotators/annotate.html", look)
        page.get_by_label("Your name or initials").fill("Ann")
        page.keyboard.press("Enter")
        return page

    return start


def go_to(page, text: str) -> None:
    """To the answer that holds this text."""
    items = json.loads(page.locator("#data").text_content())["items"]
    (found,) = [item["id"] for item in items if any(text in answer for answer in item["answers"].values())]
    page.get_by_label("Go to answer").select_option(value=found)
    for attempt in eventually():
        with attempt:
            assert text in page.locator("#answers").text_content()
    images = page.locator(".frame img")
    for image in images.all():
        expect(image).not_to_have_js_property("naturalWidth", 0)
    images.evaluate_all("all => Promise.all(all.map((one) => one.decode()))")
    two_frames(page)  # then nothing moves any more


def answer(page):
    return page.locator(".answer").first


def select_by_mouse(page, words: str) -> None:
    """Drag over these words of the first answer."""
    ends = answer(page).evaluate(
        """(box, words) => {
            box.scrollIntoView({block: "center"});
            const start = box.textContent.indexOf(words);
            const edge = (offset, isEnd) => {  // of one character
                const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
                let node, at = 0;
                while ((node = walker.nextNode()) && at + node.length <= offset) at += node.length;
                const range = document.createRange();
                range.setStart(node, offset - at);
                range.setEnd(node, offset - at + 1);
                const { left, right, top, height } = range.getBoundingClientRect();
                return [isEnd ? right : left, top + height / 2];
            };
            return [...edge(start, false), ...edge(start + words.length - 1, true)];
        }""",
        words,
    )
    page.mouse.move(*ends[:2])
    page.mouse.down()
    page.mouse.move(*ends[2:])
    page.mouse.up()


def saved(page, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save file").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def imported(folder: Path, file: Path, output: Path) -> dict:
    run(
        *("import_annotations.py", file, "--results", folder / "demo", "--key", folder / "out/key.json"),
        *("--output", output),
    )
    rows = read_table(output, LABELS).to_pylist()
    return {(row["sample_id"], row["metric"]): row["claims"] for row in rows}


def test_labels_by_mouse_are_imported(folder: Path, start, tmp_path: Path):
    page = start(Look(width=1920))
    go_to(page, RIGHT[0])
    select_by_mouse(page, "The car turned blue")
    expect(page.locator("#chosen")).to_have_text("Selected: “The car turned blue”")
    page.get_by_role("button", name="attribute error").click()
    select_by_mouse(page, "The car")  # now within a mark
    page.keyboard.press("Escape")
    expect(page.locator(".answer mark")).to_have_text(["The car turned blue"])
    page.get_by_label("Label of claim 1").select_option("faithful")
    page.get_by_role("button", name="Done, next").click()
    expect(page.locator("#count")).to_have_text(re.compile("^1 of "))
    path = saved(page, tmp_path)
    assert path.name == "annotations_Ann.json"
    labels = imported(folder, path, tmp_path / "labels.parquet")
    assert [(claim["text"], claim["label"]) for claim in labels[FIRST, "drf"]] == [("The car turned blue", "faithful")]


def tab_to_answer(page) -> None:
    for _ in range(12):
        before = page.evaluate_handle("document.activeElement")
        page.keyboard.press("Tab")
        for attempt in eventually():
            with attempt:
                assert page.evaluate("before => document.activeElement !== before", before)
        if page.evaluate("document.activeElement.className") == "answer":
            return
    raise AssertionError("Tab does not reach the answer")


def test_labels_by_keyboard_alone_are_imported(folder: Path, start, tmp_path: Path):
    page = start(Look(width=1920))
    go_to(page, RIGHT[0])
    tab_to_answer(page)
    page.keyboard.press("Control+End")
    for _ in "The clock is gone.":
        page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("#chosen")).to_have_text("Selected: “The clock is gone.”")
    page.keyboard.press("x")  # nothing can be typed
    page.keyboard.press("Backspace")
    page.keyboard.press("1")
    expect(page.locator("#claims li")).to_have_count(1)
    page.keyboard.press("d")
    expect(page.locator("#count")).to_have_text(re.compile("^1 of "))
    expect(answer(page)).to_be_focused()  # the next one
    labels = imported(folder, saved(page, tmp_path), tmp_path / "labels.parquet")
    assert [(claim["text"], claim["label"]) for claim in labels[FIRST, "drf"]] == [("The clock is gone.", "faithful")]


def test_words_of_both_directions_are_imported(folder: Path, start, tmp_path: Path):
    page = start(Look(width=360))
    go_to(page, HEBREW)
    expect(answer(page)).to_have_css("direction", "rtl")
    tab_to_answer(page)
    page.keyboard.press("Control+A")
    page.keyboard.press("3")
    expect(page.locator("#claims li")).to_have_count(1)
    page.keyboard.press("d")
    expect(page.locator("#count")).to_have_text(re.compile("^1 of "))
    labels = imported(folder, saved(page, tmp_path), tmp_path / "labels.parquet")
    (claim,) = labels[THIRD, "drf"]
    assert (claim["text"], claim["error_type"]) == (HEBREW, "type_confusion")


def test_work_is_kept_when_the_page_is_loaded_again(start, tmp_path: Path):
    page = start()
    go_to(page, RIGHT[0])
    select_by_mouse(page, "The clock is gone")
    page.keyboard.press("1")
    marks = page.locator(".answer mark")
    expect(marks).to_have_text(["The clock is gone"])
    path = saved(page, tmp_path)
    page.reload()
    page.get_by_label("Your name or initials").fill("Ann")
    page.keyboard.press("Enter")
    go_to(page, RIGHT[0])
    expect(marks).to_have_text(["The clock is gone"])
    page.get_by_role("button", name="Delete claim 1").click()
    expect(marks).to_have_count(0)
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#file").set_input_files(path)
    page.get_by_text(f"Opened {path.name}.").wait_for()
    expect(marks).to_have_text(["The clock is gone"])


@pytest.mark.parametrize("text", [HOSTILE, HEBREW, "long " * 20_000, "x" * 300], ids=["html", "hebrew", "long", "wide"])
@pytest.mark.parametrize("width", [360, 1920])
def test_any_answer_is_shown_as_text(start, text: str, width: int):
    page = start(Look(width))
    go_to(page, text)
    assert text in page.locator("#answers").inner_text().replace("\n", " ") or text.strip() in "".join(
        page.locator(".answer").all_text_contents()
    )
    assert page.locator(".answer *:not(mark)").count() == 0 and not page.evaluate("window.broken")
    check_fits(page)


def test_boxes_lie_on_the_changed_object(start):
    page = start()
    go_to(page, RIGHT[0])
    page.get_by_label("boxes").check()
    expect(page.locator(".box").first).to_be_visible()
    for attempt in eventually():
        with attempt:
            box, image = (page.locator(name).first.bounding_box() for name in (".box", ".frame img"))
            assert box["x"] == pytest.approx(image["x"] + image["width"] * 2 / 16, abs=1)  # the truth: x 2 of 16 pixels
            assert box["height"] == pytest.approx(image["height"] * 4 / 12, abs=1)


def test_everybody_can_read_it(folder: Path, open_page, look: Look, screenshot):
    page = open_page(folder / "out/for_annotators/annotate.html", look)
    check_accessibility(page)
    check_fits(page)
    screenshot(page, "annotations-start", look)
    page.get_by_label("Your name or initials").fill("Ann")
    page.get_by_role("button", name="Start").click()
    go_to(page, RIGHT[0])
    check_accessibility(page)
    for key, words in enumerate(("The car turned blue", "The clock is gone"), 1):
        select_by_mouse(page, words)
        page.keyboard.press(str(key))
        expect(page.locator("#claims li")).to_have_count(key)
    select_by_mouse(page, "turned")
    expect(page.locator("#chosen")).to_have_text("Selected: “turned”")
    page.get_by_label("boxes").check()
    expect(page.locator(".box").first).to_be_visible()
    check_accessibility(page)
    check_fits(page)
    screenshot(page, "annotations", look)


def test_words_are_readable_in_forced_colors(start, screenshot):
    look = Look(1920, "dark", forced_colors=True)
    page = start(look)
    go_to(page, RIGHT[0])
    select_by_mouse(page, "The car turned blue")
    page.keyboard.press("1")
    expect(page.locator(".answer mark")).to_have_text(["The car turned blue"])
    check_accessibility(page)
    colors = page.locator(".answer, .answer mark").evaluate_all("all => all.map((one) => getComputedStyle(one).color)")
    assert colors == ["rgb(255, 255, 255)"] * 2  # on black
    page.locator("#claims li").hover()
    screenshot(page, "annotations-forced-colors", look)
