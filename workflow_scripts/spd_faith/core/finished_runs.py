"""Which folders hold results of finished runs, for commands that read one."""

from pathlib import Path

from spd_faith.core.errors import UserError
from spd_faith.core.paths import ResultPaths


def not_finished(results: Path, lacks: str) -> UserError:
    """The error for a results folder that `lacks` something, such as "leaderboard". It names the finished runs."""
    what = f"no {lacks} in it" if results.is_dir() else "not a folder" if results.exists() else "no such folder"
    pattern = f"*/{ResultPaths(Path()).leaderboard('parquet')}"
    finished = sorted({str(one.parent) for folder in (results, Path("results")) for one in folder.glob(pattern)})
    return UserError(
        f"{results}: {what}\n"
        f"  allowed: results folders of finished runs: {', '.join(finished) or 'none yet'}\n"
        "  Make a leaderboard with: snakemake --cores all"
    )
