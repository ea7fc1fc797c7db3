"""The contact sheet shows the pictures of the dataset."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from spd_faith.core.files import write_table
from spd_faith.core.schemas import IMAGES, SAMPLES
from spd_faith.dataset.demo import demo_pairs, image_row, sample_row
from spd_faith.dataset.entries import DemoDataset, DemoSplit

ROOT = Path(__file__).parents[2]


def test_sheet_holds_every_split_and_marks_the_differences(tmp_path: Path):
    split = DemoSplit(pairs=2, objects=[3, 3], differences=[1, 1])
    pairs = list(demo_pairs(DemoDataset(source="demo", seed=1, splits={"one": split, "two": split})))
    write_table(tmp_path / "samples.parquet", [sample_row(pair) for pair in pairs], SAMPLES)
    write_table(tmp_path / "images.parquet", [image_row(pair) for pair in pairs], IMAGES)
    paths = {
        name: str(tmp_path / file) for name, file in (("--samples", "samples.parquet"), ("--images", "images.parquet"))
    }
    flags = [word for pair in paths.items() for word in pair]
    command = [sys.executable, "workflow_scripts/draw_contact_sheet.py", *flags, "--pairs", "2"]
    subprocess.run([*command, "--output", str(tmp_path / "sheet.png")], cwd=ROOT, check=True)

    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB"))
    assert sheet.shape[1] > 4 * 190
    assert sheet.shape[0] > 2 * 190
    marked = (sheet == (230, 0, 126)).all(axis=2)
    half = sheet.shape[0] // 2
    assert marked[:half].any()
    assert marked[half:].any()
