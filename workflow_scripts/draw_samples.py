"""Write chosen samples of a run as one HTML page: both images, the truth, all models' answers, their claims and maps.

Each sample comes with the other versions of its pair: the base pair and its controls. The page opens from disk.
"""

import argparse
import difflib
from collections.abc import Collection, Mapping
from pathlib import Path

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_table, write_text
from spd_faith.core.finished_runs import not_finished
from spd_faith.core.html import files_of_page
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import leaderboard_labels, recorded_entries
from spd_faith.core.schemas import SAMPLES
from spd_faith.leaderboard.html.samples import MAX_BYTES, samples_html, samples_section
from spd_faith.leaderboard.model import counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of the dataset's results")
    parser.add_argument("--sample", nargs="+", required=True, metavar="ID", help="ids of the samples to draw")
    parser.add_argument("--output", type=Path, required=True, help="the page to write, a file that ends in .html")
    arguments = parser.parse_args()
    output, paths = arguments.output, ResultPaths(arguments.results)
    files = files_of_page(output)
    if not paths.samples.is_file():
        raise not_finished(paths.folder, "samples")

    ids = with_versions(paths.samples, arguments.sample)
    models, judges = labels(paths, "responses", "*.parquet"), labels(paths, "judgements", "*/")
    found = samples_section(paths, models, judges, files, MAX_BYTES, only=ids)
    write_text(output, samples_html(f"Samples of {arguments.results.resolve().name}", found))
    print(f"{output}: {counted(found.shown, 'sample')}")


def with_versions(path: Path, wanted: Collection[str]) -> list[str]:
    """The ids of the wanted samples, of their base pairs, and of the controls made from these.

    Raises `UserError` for an unknown id.
    """
    rows = read_table(path, SAMPLES, ["sample_id", "base_sample_id"]).to_pylist()
    bases = {row["sample_id"]: row["base_sample_id"] or row["sample_id"] for row in rows}
    for one in wanted:
        if one not in bases:
            near = ", ".join(nearest(one, bases)) or "none, it is empty"
            raise UserError(f"--sample {one}: not in {path}; nearest: {near}")
    pairs = {bases[one] for one in wanted}
    return [one for one, base in bases.items() if base in pairs]


def nearest(wanted: str, bases: Mapping[str, str]) -> list[str]:
    """The ids most like an unknown one: base pairs, or the pair with whose id it begins and controls of this.

    `bases` has the id of the base pair of each sample.
    """
    pairs = sorted(set(bases.values()))
    of_pair = [base for base in pairs if wanted.startswith(f"{base}-")]
    controls = [one for one, base in bases.items() if base in of_pair and one != base]
    near = difflib.get_close_matches(wanted, controls or pairs, n=3 - len(of_pair), cutoff=0)
    return [*of_pair, *near] if controls else near


def labels(paths: ResultPaths, folder: str, pattern: str) -> dict[str, str]:
    """The labels of the models or judges with tables in a folder of the results, as run.json has them.

    Raises `UserError` if there are none.
    """
    entries = recorded_entries(paths.record, "models" if folder == "responses" else "judges")
    names = sorted(path.name.removesuffix(".parquet") for path in (paths.folder / folder).glob(pattern))
    names = [name for name in names if not name.startswith(".")]
    if not names:
        raise not_finished(paths.folder, folder)
    return leaderboard_labels({name: entries.get(name, {}) for name in names})


if __name__ == "__main__":
    run_command(main)
