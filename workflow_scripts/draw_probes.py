"""Draw one model's probes: all figures and the maps of chosen answers, as PDF and PNG, and a contact sheet of them.

Figures that cannot be drawn are listed in not_drawn.txt, on the contact sheet and in the log. The command fails only if
no figure could be drawn.
"""

import argparse
from pathlib import Path

import pandas as pd

from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import check_keys, read_table
from spd_faith.core.progress import progress
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.probes.contrast_table import PROBE_CONTRASTS
from spd_faith.probes.figures.declared import ModelResults
from spd_faith.probes.figures.of_model import all_drawings, write_figures
from spd_faith.probes.groups import CONTRASTS, PROBE_GROUPS
from spd_faith.probes.registry import PROBES
from spd_faith.probes.saved_tables import check_probed, probes_in, read_probed
from spd_faith.scoring.interventions import INTERVENTIONS_SCHEMA


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--probes", type=Path, required=True, help="folder with one table per probe, named after the model"
    )
    parser.add_argument("--samples", type=Path, required=True, help="the dataset's samples.parquet")
    parser.add_argument("--images", type=Path, required=True, help="the dataset's images.parquet")
    parser.add_argument("--only", nargs="+", choices=PROBES, help="probes to draw (default: all with a table)")
    parser.add_argument("--contrasts", type=Path, required=True, help="contrasts.parquet of the model")
    parser.add_argument("--groups", type=Path, required=True, help="groups.parquet of the model")
    parser.add_argument(
        "--interventions", type=Path, help="the run's interventions.parquet, for a model that has variants"
    )
    parser.add_argument(
        "--sample-id", help="sample whose attention gets its own figure (default: the first measured one)"
    )
    parser.add_argument("--output-folder", type=Path, required=True, help="folder for the figures")
    arguments = parser.parse_args()

    probes = probes_in(arguments.probes, arguments.only)
    samples = list(map(str, read_table(arguments.samples, SAMPLES, ["sample_id"])["sample_id"].to_pylist()))
    groups = read_table(arguments.groups, PROBE_GROUPS)
    grouped = zip(groups["sample_id"].to_pylist(), groups["contrast"].to_pylist(), strict=True)
    check_keys(str(arguments.groups), grouped, [(one, contrast.name) for one in samples for contrast in CONTRASTS])
    images = read_table(arguments.images, IMAGES, ["sample_id"])["sample_id"].to_pylist()
    check_keys(str(arguments.images), images, samples)
    check_probed(arguments.probes.name, read_probed(arguments.probes, probes), samples)
    results = ModelResults(
        probes=arguments.probes,
        samples=arguments.samples,
        images=arguments.images,
        groups=groups.to_pandas(),
        contrasts=read_table(arguments.contrasts, PROBE_CONTRASTS).to_pandas(),
        interventions=arguments.interventions and read_interventions(arguments.interventions, arguments.probes.name),
        sample_id=arguments.sample_id,
    )
    drawings = all_drawings(results, probes)
    with progress(len(drawings), arguments.probes.name, "figure") as bar:
        write_figures(drawings, arguments.output_folder, bar.update)


def read_interventions(path: Path, base: str) -> pd.DataFrame:
    """The rows of the model's variants. Raises `UserError` if there are none."""
    rows = read_table(path, INTERVENTIONS_SCHEMA).to_pandas()
    rows = rows[rows["base"] == base]
    if rows.empty:
        raise UserError(f"{path}: no variant of {base}. Leave out --interventions, or run the leaderboard again.")
    return rows


if __name__ == "__main__":
    run_command(main)
