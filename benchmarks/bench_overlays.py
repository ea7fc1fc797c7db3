"""Time and peak memory to draw the maps of an answer with 12, 91 and 1,024 content words.

The images have 640 × 480 pixels, the maps 17 × 23 tokens; each page is written as PDF and PNG. Measures CPU time, which
does not depend on the load of the machine. The time may grow at most linearly with the panels: 91 words may take 9
times as long as 12. Run: python benchmarks/bench_overlays.py
"""

import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from spd_faith.probes.figures.drawing import save
from spd_faith.probes.image_grid import Raster
from spd_faith.probes.overlays import MAX_PAGES, overlays
from spd_faith.probes.word_maps import WordMap

SIZE, ROWS, COLUMNS = (640, 480), 17, 23
MAX_RATIO = 9
ROUNDS = 2


def photograph(seed: int) -> Image.Image:
    """Noise at several scales, about as compressible as a photograph."""
    random, found = np.random.default_rng(seed), np.zeros((*SIZE[::-1], 3))
    for cells in (4, 16, 64, 480):
        noise = Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        found += np.asarray(noise.resize(SIZE, Image.Resampling.BICUBIC), float)
    return Image.fromarray((found / 4).astype(np.uint8))


def seconds(words: int, folder: Path) -> float:
    random = np.random.default_rng(0)
    whole = (0.0, 0.0, 1.0, 1.0)
    rasters = [Raster(number * ROWS * COLUMNS, ROWS, COLUMNS, {number: whole}) for number in (0, 1)]
    maps = [WordMap(f"word{number}", random.random(2 * ROWS * COLUMNS) ** 4) for number in range(words)]
    pair = (photograph(1), photograph(2))
    start = time.process_time()
    save(overlays("benchmark", pair, [], rasters, maps), folder / str(words))
    return time.process_time() - start


def main() -> None:
    with TemporaryDirectory() as folder:
        seconds(1, Path(folder))  # load the fonts
        few, many = (min(seconds(words, Path(folder)) for _ in range(ROUNDS)) for words in (12, 91))
        longest = seconds(1024, Path(folder))
        megabytes = sum(path.stat().st_size for path in Path(folder).glob("1024*")) / 1e6
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"12 words: {few:.1f} s; 91 words: {many:.1f} s, {many / few:.1f} times as long")
    print(f"1,024 words, {MAX_PAGES} pages: {longest:.1f} s, {megabytes:.0f} MB of files; peak memory {memory:.2f} GB")
    if many / few > MAX_RATIO:
        sys.exit(f"expected at most {MAX_RATIO} times as long")


if __name__ == "__main__":
    main()
