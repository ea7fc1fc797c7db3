"""Compare the probes of several models: attention by step, a panel per model, as PDF and PNG."""

import argparse
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import leaderboard_labels, recorded_entries
from spd_faith.probes.figures.declared import TASK
from spd_faith.probes.figures.drawing import save
from spd_faith.probes.figures.generation_attention import attention_by_step, read_steps
from spd_faith.probes.generation_attention import GenerationAttention


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--probes",
        type=Path,
        nargs="+",
        required=True,
        help="folders with a model's tables, each named after the model",
    )
    parser.add_argument("--output-folder", type=Path, required=True, help="folder for attention_by_step.pdf and .png")
    arguments = parser.parse_args()
    probe = GenerationAttention
    tables = [(label_of(folder), read_steps(probe.path_in(folder), probe.schema, TASK)) for folder in arguments.probes]
    save([attention_by_step(tables, TASK)], arguments.output_folder / "attention_by_step")


def label_of(folder: Path) -> str:
    """The label of the model in the record of its run; default: the folder's name."""
    models = recorded_entries(ResultPaths(folder.absolute().parents[1]).record, "models")
    return leaderboard_labels(models).get(folder.name, folder.name)


if __name__ == "__main__":
    run_command(main)
