"""Write docs/leaderboard_columns.md from what the code declares about the columns of the leaderboard's tables."""

import argparse
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.core.files import write_text
from spd_faith.leaderboard.columns import documentation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("docs/leaderboard_columns.md"),
        help="file to write; default: %(default)s",
    )
    write_text(parser.parse_args().output, documentation())


if __name__ == "__main__":
    run_command(main)
