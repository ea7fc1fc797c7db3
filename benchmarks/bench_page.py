"""Time, peak memory and size of the leaderboard's page for 12 models × 3,000 samples, beside reading its tables alone.

The results are those of a finished default run, repeated under other ids until there are enough models and pairs, with
photographs in JPEG and answers of 300 words. Run `snakemake --cores all`, then: python benchmarks/bench_page.py
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow_scripts"))

from spd_faith.core.files import sha256
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import IMAGES

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow_scripts"
PADDING = "The light falls from the left, the table stands near the window and the wall behind it is plain. "
SIZE = (640, 480)
PHOTOGRAPHS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path("results/demo"), help="default: results/demo")
    parser.add_argument("--models", type=int, default=12, help="default: 12")
    parser.add_argument("--samples", type=int, default=3000, help="image pairs without controls; default: 3000")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = ResultPaths(Path(folder))
        config = write_results(ResultPaths(arguments.results), paths, arguments.models, arguments.samples)
        command = ["--results", folder, "--config", config]
        leaderboard, _ = run("make_leaderboard.py", *command)
        page, megabytes = run("make_page.py", *command)
        reading = seconds(lambda: [pq.read_table(path) for path in Path(folder).rglob("*.parquet")])
        size = paths.leaderboard("html").stat().st_size / 1e6
        print(f"{arguments.models} models × {arguments.samples} pairs and their controls")
        print(f"page:          {page:6.1f} s, {megabytes:.0f} MB at most in memory, {size:.1f} MB in the file")
        print(f"leaderboard:   {leaderboard:6.1f} s, {page / leaderboard:.2f} of it for the page")
        print(f"reading all:   {reading:6.1f} s, {page / reading:.1f} times that for the page")


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run(script: str, *arguments: str) -> tuple[float, float]:
    """Seconds and peak memory (MB) of a command. The peak is that of all commands so far."""
    duration = seconds(lambda: subprocess.run([sys.executable, SCRIPTS / script, *arguments], check=True))
    return duration, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def write_results(source: ResultPaths, target: ResultPaths, num_models: int, num_samples: int) -> str:
    """Write the results of a larger run; return the path of its config."""
    if not source.leaderboard("json").exists():
        sys.exit(f"{source.folder}: no finished run. Run: snakemake --cores all")
    record = json.loads(source.record.read_text(encoding="utf-8"))["run"]
    judge = record["config"]["judges"][0]
    models = {f"{name}-{number}": name for number in range(num_models) for name in record["config"]["models"]}
    models = dict(list(models.items())[:num_models])
    samples = pq.read_table(source.samples)
    repeats = -(-num_samples // pc.sum(pc.equal(samples["control"], "none")).as_py())
    base = samples.filter(pc.equal(samples["control"], "none"))["sample_id"].to_pylist()

    def repeated(path: Path, written: Path, change: Callable[[pa.Table], pa.Table] = lambda table: table) -> None:
        """A table with the rows of its pairs repeated; those of controls stand once."""
        table = change(pq.read_table(path))
        of_pairs = table.filter(pc.is_in(table["sample_id"], pa.array(base)))
        copies = [renamed(of_pairs, number) for number in range(1, repeats)]
        written.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.concat_tables([table, *copies]).replace_schema_metadata(table.schema.metadata), written)

    repeated(source.samples, target.samples)
    repeated(source.audit, target.audit)
    for name, of in models.items():
        repeated(source.responses(of), target.responses(name), longer)
        repeated(source.parsed(of), target.parsed(name))
        repeated(source.judgements(judge, of), target.judgements(judge, name))
        repeated(source.scores(judge, of), target.scores(judge, name))
        for probe in record["probes"].get(of, ()):
            target.probes(name).mkdir(parents=True, exist_ok=True)
            pq.write_table(pq.read_table(source.probe(of, probe)), target.probe(name, probe))
    write_images(target)
    record["models"] = {name: record["models"][of] | {"label": f"{of} {name}"} for name, of in models.items()}
    record["config"] |= {"models": list(models), "judges": [judge]}
    record["judges"] = {judge: record["judges"][judge]}
    record["probes"] = {name: record["probes"][of] for name, of in models.items() if of in record["probes"]}
    record["variants"] = {}  # copies of a variant are models
    config = target.config("benchmark")
    config.parent.mkdir()
    config.write_text(json.dumps(record))
    return str(config)


def renamed(table: pa.Table, number: int) -> pa.Table:
    """The table with other sample ids and, where it has them, other image ids."""
    for name in {"sample_id", "image_id"} & set(table.column_names):
        ids = pc.binary_join_element_wise(table[name], pa.scalar(f"{number:03d}"), "")
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), ids.cast(table.schema.field(place).type))
    return table


def longer(responses: pa.Table) -> pa.Table:
    """The answers of `describe` behind as many words as make them 300 words long."""
    words = 300 // len(PADDING.split()) * PADDING
    texts = [
        words + text if task == "describe" and text else text
        for task, text in zip(responses["task"].to_pylist(), responses["response_text"].to_pylist(), strict=True)
    ]
    place = responses.schema.get_field_index("response_text")
    return responses.set_column(place, responses.schema.field(place), pa.array(texts, pa.string()))


def write_images(target: ResultPaths) -> None:
    """A different JPEG for each image: some photographs, with the id after the end of the picture."""
    draw = np.random.default_rng(0)
    photographs = []
    for _ in range(PHOTOGRAPHS):
        coarse = Image.fromarray(draw.integers(0, 256, (60, 80, 3), dtype=np.uint8)).resize(SIZE, Image.BICUBIC)
        written = io.BytesIO()
        coarse.save(written, "JPEG", quality=90)
        photographs.append(written.getvalue())
    ids = pq.read_table(target.samples, columns=["sample_id"])["sample_id"].to_pylist()
    with pq.ParquetWriter(target.images, IMAGES) as writer:
        for start in range(0, len(ids), 500):
            rows = []
            for place, sample_id in enumerate(ids[start : start + 500]):
                one, other = (
                    photographs[(place + shift) % PHOTOGRAPHS] + f"{sample_id}{shift}".encode() for shift in (0, 1)
                )
                rows.append(
                    {"sample_id": sample_id, "original": one, "modified": other, "merged": None}
                    | {"original_sha256": sha256(one), "modified_sha256": sha256(other), "merged_sha256": None}
                )
            writer.write_table(pa.Table.from_pylist(rows, IMAGES))


if __name__ == "__main__":
    main()
