"""Run an engine until standard input closes, then end all of its processes; started by jobs that have an engine."""

import argparse
import sys
from pathlib import Path

from spd_faith.endpoints.engine.guard import guard


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="the engine's folder, removed at the end")
    parser.add_argument("--log", type=Path, required=True, help="file that the engine's output is appended to")
    parser.add_argument("command", nargs="+", help="the engine's command, after --")
    arguments = parser.parse_args()
    sys.exit(guard(arguments.folder, arguments.log, arguments.command))


if __name__ == "__main__":
    main()
