"""Time and peak memory to convert 3,000 published pairs from the hub's cache to tables.

Runs the real command offline on a generated repository: incompressible images of 150 kB, all rows of a file in one row
group, as Parquet writers do by default. The baseline copies the same files.
Run: python benchmarks/bench_download.py
"""

import hashlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

PAIRS = 3000
IMAGE_BYTES = 150_000
LIMIT_S = 60
LIMIT_MIB = 1536
COMMIT = "0" * 40
COMMAND = Path(__file__).resolve().parents[1] / "workflow_scripts" / "make_dataset.py"
LAYOUTS = {
    "one file": {"easy": PAIRS},
    "four files": dict.fromkeys(("easy", "medium", "hard", "multi_diff"), PAIRS // 4),
}


def write_repository(cache: Path, splits: dict[str, int]) -> None:
    """Write a hub cache: blobs by SHA-256, a snapshot that links to them, a branch."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    buffer = BytesIO()
    Image.new("RGB", (640, 480)).save(buffer, "JPEG")
    head = buffer.getvalue()
    repository = cache / "hub" / "datasets--owner--pairs"
    snapshot = repository / "snapshots" / COMMIT / "data"
    for folder in (repository / "blobs", repository / "refs", snapshot):
        folder.mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    difference = {"type": "color", "category": "car", "description": "It turned red."}
    difference |= {f"bbox_{axis}": 10.0 for axis in "xywh"}
    for split, pairs in splits.items():
        images = [[head + os.urandom(IMAGE_BYTES - len(head)) for _ in range(pairs)] for _ in range(2)]
        table = pa.table(
            {
                "image_id": pa.array(range(pairs)),
                "image1": pa.array(images[0], pa.binary()),
                "image2": pa.array(images[1], pa.binary()),
                "num_differences": pa.array([1] * pairs),
                "differences": pa.array([[difference]] * pairs),
            }
        )
        part = repository / "blobs" / "part"
        pq.write_table(table, part)
        with part.open("rb") as handle:
            blob = part.rename(part.with_name(hashlib.file_digest(handle, "sha256").hexdigest()))
        (snapshot / f"{split}-00000-of-00001.parquet").symlink_to(blob)


def measure(folder: Path, splits: dict[str, int]) -> tuple[float, float, float]:
    """(seconds of the command, seconds of a plain copy, peak memory of the command in MiB)."""
    # In a separate process, because the peak of a child is at least the memory of its parent at the start.
    writer = multiprocessing.get_context("spawn").Process(target=write_repository, args=(folder, splits))
    writer.start()
    writer.join()
    entry = "bench:\n  source: hub\n  repository: owner/pairs\n  splits:\n"
    (folder / "datasets.yaml").write_text(entry + "".join(f"    {name}: {rows}\n" for name, rows in splits.items()))
    start = time.perf_counter()
    for blob in (folder / "hub" / "datasets--owner--pairs" / "blobs").iterdir():
        shutil.copyfile(blob, folder / "copy")
    plain = time.perf_counter() - start

    flags = ["--datasets-file", folder / "datasets.yaml", "--dataset", "bench"]
    tables = ["--samples", folder / "samples.parquet", "--images", folder / "images.parquet"]
    environment = os.environ | {"HF_HOME": str(folder), "HF_HUB_OFFLINE": "1"}
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, COMMAND, *flags, *tables], env=environment, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"the command failed with exit code {process.returncode}")
    return time.perf_counter() - start, plain, usage.ru_maxrss / 1024


def main() -> None:
    for layout, splits in LAYOUTS.items():
        with TemporaryDirectory() as folder:
            seconds, plain, mib = measure(Path(folder), splits)
        print(
            f"{layout}: {sum(splits.values())} pairs of 2 × {IMAGE_BYTES // 1000} kB in {seconds:.1f} s, "
            f"peak {mib:.0f} MiB; a plain copy takes {plain:.1f} s, ratio {seconds / plain:.1f}"
        )
        if seconds > LIMIT_S or mib > LIMIT_MIB:
            sys.exit(f"expected at most {LIMIT_S} s and {LIMIT_MIB} MiB")


if __name__ == "__main__":
    main()
