"""The command `make_dataset.py`: both tables of each source, or one message and no table."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from dataset.own_files import line, scene, write_lines, write_pair_folder

from spd_faith.core.files import read_provenance, read_table
from spd_faith.core.schemas import IMAGES, SAMPLES

COMMAND = Path(__file__).resolve().parents[2] / "workflow_scripts" / "make_dataset.py"
ENTRIES = """
lines: {source: jsonl, path: pairs.jsonl}
folders: {source: folder, path: folders}
drawn: {source: demo, seed: 1, splits: {easy: {pairs: 2, objects: [3, 3], differences: [1, 1]}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with entries and 70 pairs of either source, more than the command holds at once."""
    (tmp_path / "datasets.yaml").write_text(ENTRIES)
    write_lines(tmp_path, *(line(number) for number in range(70)))
    for number in range(70):
        write_pair_folder(tmp_path / "folders", "easy", str(number))
    return tmp_path


def run(project: Path, dataset: str) -> subprocess.CompletedProcess[str]:
    arguments = [
        "--datasets-file",
        "datasets.yaml",
        "--samples",
        "out/samples.parquet",
        "--images",
        "out/images.parquet",
    ]
    return subprocess.run(
        [sys.executable, COMMAND, "--dataset", dataset, *arguments], cwd=project, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("dataset", "split", "path"), [("lines", "pairs", "pairs.jsonl"), ("folders", "easy", "folders")]
)
def test_both_tables_have_a_row_per_pair_and_say_what_they_were_made_from(
    project: Path, dataset: str, split: str, path: str
) -> None:
    done = run(project, dataset)
    assert done.returncode == 0, done.stderr
    expected = [f"{split}/{number:05d}_{number}" for number in range(70)]
    for name, schema in (("samples", SAMPLES), ("images", IMAGES)):
        assert read_table(project / f"out/{name}.parquet", schema)["sample_id"].to_pylist() == expected
        provenance = read_provenance(project / f"out/{name}.parquet")
        assert provenance.pop("revision").startswith("sha256:")
        assert provenance == {"dataset": dataset, "path": path}
    assert pq.ParquetFile(project / "out/images.parquet").num_row_groups == 3
    assert str(project) not in str(pq.read_schema(project / "out/samples.parquet").metadata)


def test_damaged_images_end_it_with_one_message_and_no_table(project: Path) -> None:
    for name in ("first.png", "second.png"):
        scene(200, 300).save(project / name)
        data = (project / name).read_bytes()
        middle = len(data) // 2
        (project / name).write_bytes(data[:middle] + bytes(40) + data[middle + 40 :])
    lines = [line(number) for number in range(40)]
    lines[3], lines[35] = line(3, original="first.png"), line(35, modified="second.png")
    write_lines(project, *lines)
    done = run(project, "lines")
    assert done.returncode == 1
    assert "error: pairs.jsonl: line 4: original: cannot be decoded" in done.stderr
    assert "\npairs.jsonl: line 36: modified: cannot be decoded" in done.stderr
    assert "Traceback" not in done.stderr and not list((project / "out").iterdir())


def test_the_same_command_draws_scenes(project: Path) -> None:
    done = run(project, "drawn")
    assert done.returncode == 0, done.stderr
    assert "2 pairs: out/samples.parquet, out/images.parquet" in done.stdout
    (provenance,) = {tuple(read_provenance(project / f"out/{name}.parquet").items()) for name in ("samples", "images")}
    assert dict(provenance).keys() == {"dataset", "revision", "pictures"} and ("revision", "seed 1") in provenance


def test_an_unknown_dataset_is_reported(project: Path) -> None:
    done = run(project, "folder")
    assert done.returncode == 1 and "nearest: folders" in done.stderr and "Traceback" not in done.stderr
