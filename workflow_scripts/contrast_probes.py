"""Compare one model's probes between unfaithful and faithful, and between contradictory and consistent samples."""

import argparse
import logging
from pathlib import Path

import pandas as pd

from spd_faith.core.arguments import seed
from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import PARSED, RESPONSES, SAMPLES
from spd_faith.probes.contrast_table import DISCOVERY, PROBE_CONTRASTS
from spd_faith.probes.contrasts import contrast_rows
from spd_faith.probes.groups import CONTRASTS, PROBE_GROUPS, sample_groups
from spd_faith.probes.registry import PROBES
from spd_faith.probes.saved_tables import check_probed, read_contrasted
from spd_faith.scoring.tables import SCORES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, help="the dataset's samples.parquet")
    parser.add_argument("--responses", type=Path, required=True, help="the model's responses")
    parser.add_argument("--parsed", type=Path, required=True, help="the model's parsed answers")
    parser.add_argument(
        "--scores", type=Path, required=True, help="the model's scores by the judge that defines the groups"
    )
    parser.add_argument("--probes", type=Path, required=True, help="folder with one table per probe")
    parser.add_argument("--only", nargs="+", choices=PROBES, help="probes to compare (default: all with a table)")
    parser.add_argument("--output", type=Path, required=True, help="the table of contrasts to write")
    parser.add_argument("--groups", type=Path, required=True, help="the table of groups to write")
    parser.add_argument(
        "--faithful-at-least", type=float, default=0.8, help="lowest DRF of faithful samples (default: %(default)s)"
    )
    parser.add_argument(
        "--unfaithful-at-most", type=float, default=0.5, help="highest DRF of unfaithful samples (default: %(default)s)"
    )
    parser.add_argument("--permutations", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the permutations (default: %(default)s)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if arguments.permutations < 1:
        raise UserError(f"--permutations {arguments.permutations}: must be at least 1")

    responses = read_table(
        arguments.responses, RESPONSES, columns=["sample_id", "task", "generated_tokens", "is_faithful"]
    )
    bounds = {
        "faithful_at_least": arguments.faithful_at_least,
        "unfaithful_at_most": arguments.unfaithful_at_most,
    }
    groups = sample_groups(
        read_table(arguments.samples, SAMPLES, columns=["sample_id", "is_faithful"]),
        read_table(arguments.parsed, PARSED, columns=["sample_id", "task", "verdict"]),
        responses,
        read_table(arguments.scores, SCORES, columns=["sample_id", "split", "n_gt", "control", "drf"]),
        **bounds,
    )
    probes = read_contrasted(arguments.probes, arguments.only)
    check_probed(arguments.probes.name, probes, {row["sample_id"] for row in groups})
    rows = contrast_rows(pd.DataFrame(groups), probes, responses, arguments.permutations, arguments.seed)
    write_table(arguments.groups, groups, PROBE_GROUPS, bounds)
    write_table(
        arguments.output, rows, PROBE_CONTRASTS, {"permutations": arguments.permutations, "seed": arguments.seed}
    )
    for contrast in CONTRASTS:
        tested = [row for row in rows if row["contrast"] == contrast.name and row.get("q_value") is not None]
        largest = max((row for row in rows if row["contrast"] == contrast.name), key=lambda row: row["n_compared"])
        logging.info(
            "%s: %d %s, %d %s samples; %d of %d measures differ at a false discovery rate of %.0f%%",
            contrast.name,
            largest["n_group"],
            contrast.group,
            largest["n_reference"],
            contrast.reference,
            sum(row["q_value"] <= DISCOVERY for row in tested),
            len(tested),
            100 * DISCOVERY,
        )


if __name__ == "__main__":
    run_command(main)
