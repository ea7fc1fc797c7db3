"""Chromium, driven by Playwright, showing a written page from disk; a page that misbehaves fails its test.

A page changes later than the click or key that changes it. So tests ask with `expect` or `eventually`, which read again
until it is so, and never read once or sleep.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

HEIGHTS = {360: 740, 1280: 960, 1920: 1080}  # of windows by their width, in CSS pixels
WIDTHS = (360, 1920)  # the narrowest and the widest that pages must serve
SERIOUS = ("serious", "critical")  # axe-core's grades of what blocks people
PATIENCE = 30  # seconds for anything that a page does: enough for busy machines, and costs nothing where it works

expect.set_options(timeout=1000 * PATIENCE)


@dataclass(frozen=True)
class Look:
    """How a page is shown."""

    width: int = 1920
    scheme: str = "light"
    forced_colors: bool = False
    reduced_motion: bool = False
    offline: bool = True

    def __str__(self) -> str:
        return f"{self.width}-{self.scheme}"


LOOKS = [Look(width, scheme) for width in WIDTHS for scheme in ("light", "dark")]


@dataclass
class Watched:
    """An open page and what it has done that no page may do."""

    page: Page
    path: Path
    loads_from: Path | None  # the only folder whose files it may load
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", lambda message: self._said(message.type, message.text))
        self.page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        self.page.context.on("request", lambda request: self._requested(request.url))

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):  # breaches of the Content Security Policy are errors
            self.faults.append(f"console {kind}: {text}")

    def _requested(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("data", "blob"):
            return
        path = Path(unquote(parts.path))
        own = parts.scheme == "file" and (path == self.path or (self.loads_from and self.loads_from in path.parents))
        if not own:
            self.faults.append(f"request: {url[:200]}")

    def check(self) -> None:
        assert not self.faults, "\n".join([f"{self.path.name} in the browser:", *self.faults])


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A headless Chromium of the system; fails where there is none."""
    program = shutil.which("chromium")
    assert program, "no chromium: run tests/page/install.sh as root"
    root = ["--no-sandbox"] if os.geteuid() == 0 else []  # which root may not use
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=root)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched_page(*args: Any, **named: Any) -> Iterator[Page]:
    """The page that `watched` opens."""
    with watched(*args, **named) as opened:
        yield opened.page


@contextmanager
def watched(
    browser: Browser, path: Path, look: Look | None = None, fragment: str = "", loads_from: Path | None = None
) -> Iterator[Watched]:
    """The file opened from disk, without a network; raises AssertionError at the end for each of its faults."""
    look = look or Look()
    context = browser.new_context(
        viewport={"width": look.width, "height": HEIGHTS[look.width]},
        color_scheme=look.scheme,
        forced_colors="active" if look.forced_colors else "none",
        reduced_motion="reduce" if look.reduced_motion else "no-preference",
        offline=look.offline,
    )
    try:
        context.set_default_timeout(1000 * PATIENCE)
        page = context.new_page()
        opened = Watched(page, path.resolve(), loads_from and loads_from.resolve())
        opened.watch()
        page.goto(path.resolve().as_uri() + fragment, wait_until="load")
        yield opened
        page.evaluate("0")  # what was said until now has arrived
        opened.check()
    finally:
        context.close()


# ---- what tests ask of a page


def eventually() -> Retrying:
    """For what no `expect` says: `for attempt in eventually(): with attempt:` runs its assertions until they hold."""
    again = retry_if_exception_type(AssertionError)
    return Retrying(retry=again, stop=stop_after_delay(PATIENCE), wait=wait_fixed(0.05), reraise=True)


def two_frames(page: Page) -> None:
    """Wait until what has come into view is drawn, and observers of what is in view have run."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def check_accessibility(page: Page, where: str | None = None) -> None:
    """No serious finding of axe-core in the page as it is now, or in the part of it that the selector names."""
    # axe-core measures the page's own colors, in place of the system's that show
    measures_contrast = not page.evaluate("matchMedia('(forced-colors: active)').matches")
    rules = {"color-contrast": {"enabled": measures_contrast}}
    found = Axe().run(page, where, {"resultTypes": ["violations"], "rules": rules}).response["violations"]
    serious = [finding for finding in found if finding["impact"] in SERIOUS]
    assert not serious, "\n".join(_findings(serious))


def _findings(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    for finding in found:
        yield f"{finding['impact']}: {finding['help']} ({finding['id']})"
        for node in finding["nodes"][:5]:
            yield f"    {node['target']}: {node['html'][:200]}"
            yield f"        {' '.join((node.get('failureSummary') or '').split())[:300]}"
        if more := len(finding["nodes"]) - 5:
            yield f"    … and {more} more" if more > 0 else ""


def check_fits(page: Page) -> None:
    """The page does not scroll sideways; parts of it that do so on their own are fine."""
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1], f"{widths[0]} CSS pixels wide in a window of {widths[1]}: {_widest(page)}"


def _widest(page: Page) -> list[str]:
    return page.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
            .slice(0, 5).map((element) => element.cloneNode(false).outerHTML.slice(0, 150))"""
    )
