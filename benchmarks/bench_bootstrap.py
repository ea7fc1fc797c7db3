"""Time and peak memory of the leaderboard's intervals: 12 models × 3,000 samples × 10,000 resamples.

The baseline is a plain NumPy loop that builds one resample at a time and only computes the six headline metrics and
their mean per model, timed over a few resamples. Run: python benchmarks/bench_bootstrap.py
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

from spd_faith.core.schemas import CLAIM_LABELS, JUDGEMENTS, SAMPLES
from spd_faith.scoring.aggregate import aggregate
from spd_faith.scoring.metrics import HEADLINE
from spd_faith.scoring.tables import SCORES

SPLITS = ("easy", "medium", "hard", "multi_diff")
CLAIM = {"text": "the car", "label": "unfaithful", "error_type": "fabrication", "severity": "critical"}


def random_samples(n: int, draw: np.random.Generator) -> pa.Table:
    """Pairs with one to five differences and repeated image ids."""
    rows = [
        {
            "sample_id": f"{SPLITS[i % 4]}/{i:05d}",
            "split": SPLITS[i % 4],
            "image_id": str(draw.integers(n * 3 // 4)),
            "width": 640,
            "height": 480,
            "num_differences": i % 5 + 1,
            "differences": [{"type": "color", "category": "car"}] * (i % 5 + 1),
            "control": "none",
        }
        for i in range(n)
    ]
    return pa.Table.from_pylist(rows, schema=SAMPLES)


def random_scores(samples: pa.Table, draw: np.random.Generator) -> pa.Table:
    """A score table of random numbers, used only for timing."""
    n = samples.num_rows
    columns = {name: samples[name] for name in ("sample_id", "split", "image_id", "control")}
    columns |= {"parse_status": ["json"] * n, "drf_status": ["ok"] * n, "cr_status": ["ok"] * n}
    for field in SCORES:
        if field.name not in columns:
            columns[field.name] = draw.random(n) if field.type == pa.float64() else draw.integers(1, 6, size=n)
    return pa.table({name: columns[name] for name in SCORES.names}, schema=SCORES)


def judgements_of(samples: pa.Table) -> pa.Table:
    """Three claims per sample and metric."""
    counts = {f"n_{label}": 1 for labels in CLAIM_LABELS.values() for label in labels}
    rows = [
        {"sample_id": sample_id, "metric": metric, "claims": [CLAIM] * 3, "judge_model": "random", "status": "ok"}
        | counts
        for sample_id in samples["sample_id"].to_pylist()
        for metric in CLAIM_LABELS
    ]
    return pa.Table.from_pylist(rows, schema=JUDGEMENTS)


def plain_loop_seconds(samples: pa.Table, scores: dict[tuple[str, str], pa.Table], resamples: int) -> float:
    """Seconds per resample to draw clusters, gather their samples and compute each model's metrics."""
    draw = np.random.default_rng(0)
    keys = np.array(
        [f"{s}/{i}" for s, i in zip(samples["split"].to_pylist(), samples["image_id"].to_pylist(), strict=True)]
    )
    of_split = {split: np.unique(keys[np.char.startswith(keys, f"{split}/")]) for split in SPLITS}
    members = {key: np.flatnonzero(keys == key) for key in np.unique(keys)}
    names = ("drf", "cr", "dqr", "ds", "type_matched", "category_matched", "n_listed", "n_gt")
    columns = [{name: table[name].to_numpy() for name in names} for table in scores.values()]
    start = time.perf_counter()
    for _ in range(resamples):
        drawn = [key for of in of_split.values() for key in draw.choice(of, size=len(of))]
        rows = np.concatenate([members[key] for key in drawn])
        for column in columns:
            taken = {name: values[rows] for name, values in column.items()}
            size = taken["n_listed"].sum() + taken["n_gt"].sum()
            headline = [taken[name].mean() for name in HEADLINE if name in taken]
            headline += [2 * taken[f"{kind}_matched"].sum() / size for kind in ("type", "category")]
            np.mean(headline)
    return (time.perf_counter() - start) / resamples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=12, help="number of models; default: 12")
    parser.add_argument("--samples", type=int, default=3000, help="number of samples; default: 3000")
    parser.add_argument("--resamples", type=int, default=10_000, help="number of resamples; default: 10000")
    parser.add_argument("--loop_resamples", type=int, default=30, help="resamples of the plain loop; default: 30")
    args = parser.parse_args()

    draw = np.random.default_rng(0)
    samples = random_samples(args.samples, draw)
    scores = {("random", f"model {i}"): random_scores(samples, draw) for i in range(args.models)}
    judgements = dict.fromkeys(scores, judgements_of(samples))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    aggregate(samples, scores, judgements, resamples=args.resamples, seed=0)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    loop = plain_loop_seconds(samples, scores, args.loop_resamples) * args.resamples
    print(f"{args.models} models × {args.samples} samples × {args.resamples} resamples, all metrics and tables:")
    print(f"  seconds      {seconds:.2f}")
    print(f"  peak memory  {peak:.0f} MB ({before:.0f} MB before)")
    timed = f"extrapolated from {args.loop_resamples} resamples"
    print(f"  plain loop   {loop:.0f} s, {loop / seconds:.0f} times as long ({timed})")


if __name__ == "__main__":
    main()
