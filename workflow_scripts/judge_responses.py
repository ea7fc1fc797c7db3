"""Judge one model's answers with the deterministic `rules` judge: reasoning (drf) and consistency (cr)."""

import argparse
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.core.files import check_keys, read_table, write_table
from spd_faith.core.schemas import JUDGEMENTS, METRICS, PARSED, RESPONSES, SAMPLES
from spd_faith.judging.rules import judge_samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=Path, required=True, help="samples.parquet of the dataset")
    parser.add_argument("--responses", type=Path, required=True, help="the model's responses (Parquet)")
    parser.add_argument("--parsed", type=Path, required=True, help="the same responses, parsed (Parquet)")
    parser.add_argument("--output", type=Path, required=True, help="where the judgements go (Parquet)")
    args = parser.parse_args()

    samples = read_table(args.samples, SAMPLES)
    responses = read_table(args.responses, RESPONSES, ["sample_id", "task", "response_text"])
    parsed = read_table(args.parsed, PARSED)
    rows = judge_samples(samples, responses, parsed)
    keys = [(sample_id, metric) for sample_id in samples["sample_id"].to_pylist() for metric in METRICS]
    check_keys("judgements", [(row["sample_id"], row["metric"]) for row in rows], keys)
    write_table(args.output, rows, JUDGEMENTS)


if __name__ == "__main__":
    run_command(main)
