"""Time of the rank Gaussian filter for the maps of an answer: 64 maps of 32 × 32 tokens, half of their values 0.

The baseline is the same filter as a double loop over windows, which must give the same results and take at least 80
times as long. Run: python benchmarks/bench_rank_filter.py
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from spd_faith.probes.rank_filter import rank_gaussian_filter

MAPS, SIDE = 64, 32
MIN_RATIO = 80
ROUNDS = 3


def by_double_loop(image: np.ndarray) -> np.ndarray:
    found, mirrored = np.zeros_like(image), np.pad(image, 1, mode="reflect")
    ranks = np.arange(9) - 4
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            values = np.sort(mirrored[row : row + 3, column : column + 3], axis=None)
            mean, deviation = values.mean(), values.std()
            if deviation == 0:
                found[row, column] = mean
                continue
            weights = np.exp(-(ranks**2) / (2 * (deviation / mean) ** 2))
            found[row, column] = (values * weights).sum() / weights.sum()
    return found


def seconds(run: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = time.process_time()  # does not depend on the load of the machine
    result = run()
    return time.process_time() - start, result


def main() -> None:
    random = np.random.default_rng(0)
    maps = random.random((MAPS, SIDE, SIDE)) * (random.random((MAPS, SIDE, SIDE)) < 0.5)
    rank_gaussian_filter(maps)
    quick, slow = [], []
    for _ in range(ROUNDS):
        taken, found = seconds(lambda: rank_gaussian_filter(maps))
        quick.append(taken)
        taken, expected = seconds(lambda: np.array([by_double_loop(one) for one in maps]))
        slow.append(taken)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    ratio = min(slow) / min(quick)
    print(
        f"{MAPS} maps of {SIDE} × {SIDE}: {min(quick) * 1e3:.1f} ms; "
        f"double loop {min(slow):.2f} s, {ratio:.0f} times as long"
    )
    if ratio < MIN_RATIO:
        sys.exit(f"expected at least {MIN_RATIO} times as long")


if __name__ == "__main__":
    main()
