"""The browser of these tests reports what a page may not do."""

from pathlib import Path

import pytest
from page.browser import check_accessibility, check_fits, eventually, watched, watched_page

pytestmark = pytest.mark.page
HEAD = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title></head>'
POLICY = """<meta http-equiv="Content-Security-Policy" content="default-src 'none'">"""


def written(folder: Path, body: str) -> Path:
    path = folder / "a page.html"
    path.write_text(HEAD + body, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<script>console.error('something broke')</script>", "console error: something broke"),
        ("<script>console.warn('odd')</script>", "console warning: odd"),
        ("<script>nothing.here()</script>", "script error: nothing is not defined"),
        ("<script>Promise.reject(new Error('late'))</script>", "script error: late"),
        ("<img src='https://example.org/x.png' alt=''>", "request: https://example.org/x.png"),
        ("<img src='other.png' alt=''>", "/other.png"),
        ("<script>fetch('https://example.org/').catch(() => 0)</script>", "request: https://example.org/"),
        ("<link rel=prefetch href='https://example.org/p'>", "https://example.org/p"),
        (f"{POLICY}<script>1</script>", "Content Security Policy"),
        (f"{POLICY}<p style='color: red'>x</p>", "Content Security Policy"),
        (f"{POLICY}<img src='https://example.org/x.png' alt=''>", "Content Security Policy"),
    ],
)
def test_a_fault_fails_the_test(browser, tmp_path: Path, body: str, fault: str):
    with pytest.raises(AssertionError) as raised, watched(browser, written(tmp_path, body)) as opened:
        for attempt in eventually():
            with attempt:
                opened.page.evaluate("0")  # lets what it did arrive
                assert opened.faults
    assert fault in str(raised.value)


def test_a_quiet_page_passes(browser, tmp_path: Path):
    image = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
    body = f"<main><h1>x</h1><img src='{image}' alt='x'></main><script>console.log('fine')</script>"
    with watched_page(browser, written(tmp_path, body)) as page:
        assert page.title() == "A page"
        check_accessibility(page)
        check_fits(page)


def test_files_of_a_named_folder_may_be_loaded(browser, tmp_path: Path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/x.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    path = written(tmp_path, "<img src='images/x.svg' alt=''>")
    with watched_page(browser, path, loads_from=tmp_path / "images"):
        pass
    with pytest.raises(AssertionError, match=r"images/x\.svg"), watched_page(browser, path):
        pass


@pytest.mark.parametrize("body", ["<main><button></button></main>", "<p style='color: #aaa'>pale</p>"])
def test_what_a_reader_cannot_read_is_reported(browser, tmp_path: Path, body: str):
    with (
        watched_page(browser, written(tmp_path, body)) as page,
        pytest.raises(AssertionError, match=r"serious:|critical:"),
    ):
        check_accessibility(page)


def test_a_page_that_scrolls_sideways_is_reported(browser, tmp_path: Path):
    with watched_page(browser, written(tmp_path, "<p id=wide style='width: 3000px'>x</p>")) as page:
        with pytest.raises(AssertionError, match="wide"):
            check_fits(page)
        page.locator("#wide").evaluate("element => element.remove()")
        check_fits(page)
