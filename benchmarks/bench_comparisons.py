"""Time and peak memory of the comparisons: 30 models × 3,000 samples, 435 pairs × 43,500 resamples, all metrics.

Each model leaves a random fraction of the samples unscored, by default none. The baseline is a plain NumPy loop that
builds one resample at a time, gathers the samples scored for both models of each pair and computes the same seven
metrics, timed over a few resamples with fewer models. Run: python benchmarks/bench_comparisons.py
"""

import argparse
import resource
import time
from itertools import combinations

import numpy as np
import pyarrow as pa
from bench_bootstrap import SPLITS, random_samples, random_scores

from spd_faith.scoring.comparisons import RESAMPLES_PER_PAIR, compare_models

MEANS, MATCHED = ("drf", "dqr", "ds", "cr"), ("type_matched", "category_matched")
Scores = dict[tuple[str, str], pa.Table]


def unscored(table: pa.Table, fraction: float, draw: np.random.Generator) -> pa.Table:
    """The scores without the DRF and the CR of a fraction of the samples, drawn independently."""
    for name in ("drf", "cr"):
        missing = draw.random(table.num_rows) < fraction
        values = pa.array(np.where(missing, np.nan, table[name].to_numpy()), from_pandas=True)
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return table


def plain_loop_seconds(samples: pa.Table, scores: Scores, resamples: int) -> float:
    """Seconds per resample and pair."""
    draw = np.random.default_rng(0)
    splits, images = (np.array(samples[name].to_pylist()) for name in ("split", "image_id"))
    members = {}
    for split in SPLITS:
        inside = np.flatnonzero(splits == split)
        members[split] = [inside[images[inside] == image] for image in np.unique(images[inside])]
    names = (*MEANS, *MATCHED, "n_listed", "n_gt")
    columns = [{name: table[name].to_numpy() for name in names} for table in scores.values()]
    pairs = list(combinations(columns, 2))
    start = time.perf_counter()
    for _ in range(resamples):
        rows = np.concatenate([of[k] for of in members.values() for k in draw.integers(0, len(of), len(of))])
        for pair in pairs:
            values = []
            both = {name: rows[~np.isnan(pair[0][name][rows] + pair[1][name][rows])] for name in MEANS}
            for of in pair:
                size = of["n_listed"][rows].sum() + of["n_gt"][rows].sum()
                headline = [of[name][both[name]].mean() for name in MEANS]
                headline += [2 * of[name][rows].sum() / size for name in MATCHED]
                values.append([*headline, np.mean(headline)])
            np.subtract(*values)
    return (time.perf_counter() - start) / resamples / len(pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=30, help="number of models; default: 30")
    parser.add_argument("--samples", type=int, default=3000, help="number of samples; default: 3000")
    parser.add_argument("--unscored", type=float, default=0.0, help="fraction unscored, per model; default: 0")
    parser.add_argument("--loop_resamples", type=int, default=20, help="resamples of the plain loop; default: 20")
    parser.add_argument("--loop_models", type=int, default=6, help="models of the plain loop; default: 6")
    args = parser.parse_args()

    draw = np.random.default_rng(0)
    samples = random_samples(args.samples, draw)
    scores: Scores = {
        ("random", f"model {i}"): unscored(random_scores(samples, draw), args.unscored, draw)
        for i in range(args.models)
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    compare_models(samples, scores, resamples=10_000, seed=0)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pairs = args.models * (args.models - 1) // 2
    resamples = max(10_000, RESAMPLES_PER_PAIR * pairs)
    few = dict(list(scores.items())[: args.loop_models])
    loop = plain_loop_seconds(samples, few, args.loop_resamples) * resamples * pairs
    print(f"{pairs} pairs of {args.models} models × {args.samples} samples × {resamples} resamples, 7 metrics,")
    print(f"{args.unscored:.0%} of the DRF and CR of each model unscored:")
    print(f"  seconds      {seconds:.2f}")
    print(f"  peak memory  {peak:.0f} MB ({before:.0f} MB before)")
    timed = f"extrapolated from {args.loop_resamples} resamples of {args.loop_models} models"
    print(f"  plain loop   {loop:.0f} s, {loop / seconds:.0f} times as long ({timed})")


if __name__ == "__main__":
    main()
