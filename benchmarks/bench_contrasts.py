"""Time and peak memory of the contrasts' permutation test: 400 samples × 1,120 measures × 10,000 permutations.

This corresponds to a model of 28 layers with 40 measures each. The baseline is a plain NumPy loop over permutations and
measures that permutes labels within strata and compares two means (a simpler statistic), timed over a few of both.
Run: python benchmarks/bench_contrasts.py
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

from spd_faith.probes.permutation import compare_groups

STRATA = 8  # three splits with one difference, and one with two to five


def plain_loop_seconds(
    values: np.ndarray, in_group: np.ndarray, strata: np.ndarray, permutations: int, measures: int
) -> float:
    """Seconds per permutation and measure."""
    draw = np.random.default_rng(0)
    start = time.perf_counter()
    for measure in range(measures):
        column = values[:, measure]
        observed = abs(column[in_group].mean() - column[~in_group].mean())
        as_far = 0
        for _ in range(permutations):
            labels = in_group.copy()
            for stratum in range(STRATA):
                members = np.flatnonzero(strata == stratum)
                labels[members] = draw.permutation(labels[members])
            as_far += abs(column[labels].mean() - column[~labels].mean()) >= observed
    return (time.perf_counter() - start) / (permutations * measures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=400, help="number of samples; default: 400")
    parser.add_argument("--measures", type=int, default=1120, help="number of measures; default: 1120")
    parser.add_argument("--permutations", type=int, default=10_000, help="number of permutations; default: 10000")
    parser.add_argument(
        "--loop_permutations", type=int, default=200, help="permutations of the plain loop; default: 200"
    )
    parser.add_argument("--loop_measures", type=int, default=5, help="measures of the plain loop; default: 5")
    args = parser.parse_args()

    draw = np.random.default_rng(0)
    values = draw.normal(size=(args.samples, args.measures))
    strata, in_group = draw.integers(STRATA, size=args.samples), draw.random(args.samples) < 0.4
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    compare_groups(values, in_group, strata, args.permutations, seed=0)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    loop = plain_loop_seconds(values, in_group, strata, args.loop_permutations, args.loop_measures)
    loop *= args.permutations * args.measures
    print(f"{args.samples} samples × {args.measures} measures × {args.permutations} permutations:")
    print(f"  seconds      {seconds:.2f}")
    print(f"  peak memory  {peak:.0f} MB ({before:.0f} MB before)")
    timed = f"{args.loop_permutations} permutations of {args.loop_measures} measures"
    print(f"  plain loop   {loop:.0f} s, {loop / seconds:.0f} times as long (extrapolated from {timed})")


if __name__ == "__main__":
    main()
