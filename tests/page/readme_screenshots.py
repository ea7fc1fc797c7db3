"""Write the README's two screenshots of a run's page: `make screenshots`, after the default run.

readme_screenshots.py RESULTS/leaderboard.html docs/images
"""

import sys
from io import BytesIO
from pathlib import Path

from page.browser import Look, running_browser, watched_page
from PIL import Image
from playwright.sync_api import Page

WIDE = Look(1280)
NARROW = Look(360, "dark")


def main() -> None:
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    with running_browser() as browser:
        with watched_page(browser, path, WIDE) as page:
            page.locator("#seeing svg").first.wait_for()
            _save(page, folder / "leaderboard_wide.webp")
        with watched_page(browser, path, NARROW) as page:
            page.locator("#samples-filters [name=split]").select_option("multi_diff")
            page.locator("#samples-list a").first.click()
            page.locator("#sample").scroll_into_view_if_needed()
            _save(page, folder / "leaderboard_narrow.webp")


def _save(page: Page, path: Path) -> None:
    page.wait_for_timeout(500)  # drawing what has come into view
    Image.open(BytesIO(page.screenshot())).convert("RGB").save(path, quality=85, method=6)
    print(path, f"{path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
