"""A browser for the tests of this folder, and pages that fail their test when they misbehave."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from page.browser import LOOKS, Look, running_browser, watched_page
from page.hostile_run import hostile_run
from workflow.project import Project

from spd_faith.core.locks import exclusive_lock


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, help="folder for the screenshots of the pages' tests, to look at")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """`hostile_run`, made once for all processes of the tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "hostile_run"
    with exclusive_lock(folder.with_suffix(".lock"), "the tests make one run after the other"):
        if not folder.is_dir():
            with TemporaryDirectory(dir=folder.parent) as made:  # not kept where it fails
                hostile_run(Path(made) / "run").folder.rename(folder)
    return Project(folder)


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
