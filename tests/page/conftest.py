"""A browser for the tests of this folder, and pages that fail their test when they misbehave."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from page.browser import LOOKS, Look, running_browser, watched_page


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, help="folder for the screenshots of the pages' tests, to look at")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with running_browser() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """`watched_page`, closed and checked when the test ends."""
    with ExitStack() as pages:
        yield lambda *args, **named: pages.enter_context(watched_page(browser, *args, **named))


@pytest.fixture(params=LOOKS, ids=str)
def look(request: pytest.FixtureRequest) -> Look:
    """Both widths, light and dark."""
    return request.param


@pytest.fixture
def screenshot(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Path]:
    """screenshot(page, name, look): the whole page as a PNG, in the folder given by `--screenshots`."""
    folder = request.config.getoption("--screenshots", None) or tmp_path
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Any, name: str, look: Look) -> Path:
        path = folder / f"{name}-{look}.png"
        page.screenshot(path=path, full_page=True)
        return path

    return take
