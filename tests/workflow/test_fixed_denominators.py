"""Every command stops at an input whose rows are not exactly those expected, names the keys, and writes nothing.

A table per command lists its inputs; each input is damaged in every way of `DAMAGES` that the command can notice.
"""

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from spd_faith.core.config import load_run
from spd_faith.core.errors import run_command
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import write_config_file
from spd_faith.core.schemas import TASKS
from spd_faith.probes.registry import PROBES
from spd_faith.registry import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
MODEL = "tiny-qwen2-vl"
PROBED = ("layer_changes", "hidden_similarity")
UNKNOWN_ID = "easy/99999_unknown"
MAYBE = "maybe"  # a value that no column declares

Rows = list[dict[str, Any]]


def run(command: str, *arguments: str | Path) -> str | None:
    """Run a command in this process; returns its error, None if it succeeds. Tracebacks fail the test."""
    before = sys.argv
    sys.argv = [f"{command}.py", *map(str, arguments)]
    try:
        run_command(importlib.import_module(command).main)
    except SystemExit as stop:
        assert isinstance(stop.code, str) and stop.code.startswith("error: "), stop.code
        return stop.code
    finally:
        sys.argv = before
    return None


# ---- commands and their inputs ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Input:
    """A table in the folder of results, by its path; `{model}` in it is the model's name.

    `values` are its columns with declared values, as paths, that the command reads. `unnoticed` are the damages that a
    command cannot see: it has no other table to compare with, or counts what is missing instead.
    """

    path: str
    values: tuple[str, ...] = ()
    unnoticed: tuple[str, ...] = ()

    def file(self, folder: Path) -> Path:
        return folder / self.path.format(model=MODEL)


SAMPLES = Input("samples.parquet")
ALL_OF_SAMPLES = Input("samples.parquet", ("control", "differences.type"))
IMAGES = Input("images.parquet")
RESPONSES = Input("responses/{model}.parquet", ("task", "failure"))
PARSED = Input("parsed/{model}.parquet", ("task", "parse_status", "verdict", "failure"))
JUDGEMENTS = Input("judgements/rules/{model}.parquet", ("metric", "status", "claims.label", "claims.severity"))
SCORES = Input("scores/rules/{model}.parquet", ("control",))
PROBES_OF_ANSWERS = Input("probes/{model}/layer_changes.parquet", ("task", "status"))
PROBES_OF_SAMPLES = Input("probes/{model}/hidden_similarity.parquet", ("status",))
SHARD = Input("shards/{model}/0.parquet", ("task", "failure"))


@dataclass(frozen=True)
class Command:
    """`arguments` get the folder of results and a path for the output; `offline` ones can run here to the end."""

    name: str
    inputs: tuple[Input, ...]
    arguments: Callable[[Path, Path], list[str | Path]] = field(repr=False)
    offline: bool = True
    title: str = ""

    def __str__(self) -> str:
        return self.title or self.name


def tables(*names: str) -> Callable[[Path], list[str | Path]]:
    """The flags of these tables: `--samples samples.parquet` and so on."""
    paths = {"samples": SAMPLES, "images": IMAGES, "responses": RESPONSES, "parsed": PARSED}
    paths |= {"judgements": JUDGEMENTS, "scores": SCORES}
    return lambda folder: [part for name in names for part in (f"--{name}", paths[name].file(folder))]


def with_flags(*names: str, **flags: str) -> Callable[[Path, Path], list[str | Path]]:
    """The flags of tables, of the output and others; `{folder}` in a value is the folder of results."""

    def arguments(folder: Path, output: Path) -> list[str | Path]:
        others = [part for flag, value in flags.items() for part in (f"--{flag}", value.format(folder=folder))]
        return [*tables(*names)(folder), *others, "--output", output]

    return arguments


def _judge(name: str) -> Callable[[Path, Path], list[str | Path]]:
    return with_flags("samples", "images", "responses", "parsed", judge=name, journal="{folder}/journal")


def _run_probes(folder: Path, output: Path) -> list[str | Path]:
    return [*tables("samples", "images", "responses")(folder), "--model", MODEL, "--output-folder", output]


def _contrast_probes(folder: Path, output: Path) -> list[str | Path]:
    flags = ["--probes", folder / "probes" / MODEL, "--groups", output / "groups.parquet", "--permutations", "50"]
    tables_of = tables("samples", "responses", "parsed", "scores")(folder)
    return [*tables_of, *flags, "--only", *PROBED, "--output", output / "contrasts.parquet"]


def _draw_probes(folder: Path, output: Path) -> list[str | Path]:
    probes = folder / "probes" / MODEL
    flags = ["--probes", probes, "--contrasts", probes / "contrasts.parquet", "--groups", probes / "groups.parquet"]
    return [*tables("samples", "images")(folder), *flags, "--only", PROBED[0], "--output-folder", output]


def _gather(folder: Path, output: Path) -> list[str | Path]:
    shards = [folder / "shards" / MODEL / f"{shard}.parquet" for shard in range(2)]
    return [*tables("samples")(folder), "--shards", *shards, "--output", output]


def _compare(folder: Path, output: Path) -> list[str | Path]:
    judgements = [folder / "judgements" / judge / f"{MODEL}.parquet" for judge in ("rules", "other")]
    return [*tables("samples", "responses")(folder), "--judgements", *judgements, "--output", output]


def _leaderboard(folder: Path, output: Path) -> list[str | Path]:
    return ["--results", folder, "--config", folder / "config.json"]


ANSWERS = (ALL_OF_SAMPLES, IMAGES, RESPONSES, PARSED)

COMMANDS = [
    Command("audit_dataset", (ALL_OF_SAMPLES, IMAGES), with_flags("samples", "images")),
    Command(
        "run_inference",
        (SAMPLES, IMAGES),
        with_flags("samples", "images", model=MODEL, journal="{folder}/journal"),
        offline=False,
    ),
    Command("gather_responses", (SAMPLES, SHARD), _gather),
    Command(  # answers about samples that are not in the dataset, and samples without answers, are counted
        "import_responses",
        (Input("samples.parquet", ("control",), ("remove", "unknown")),),
        with_flags("samples", **{"model": "made-elsewhere", "models-file": "{folder}/models.yaml"}),
    ),
    Command("parse_responses", (RESPONSES,), with_flags("responses")),
    Command("judge_responses", ANSWERS[:1] + ANSWERS[2:], _judge("rules"), title="judge_responses by rules"),
    Command("judge_responses", ANSWERS, _judge("gpt-4o"), offline=False, title="judge_responses at an endpoint"),
    Command("judge_responses", ANSWERS, _judge("panel"), offline=False, title="judge_responses by a panel"),
    Command(
        "score_responses",
        (ALL_OF_SAMPLES, Input(RESPONSES.path, ("task",)), PARSED, JUDGEMENTS),
        with_flags("samples", "responses", "parsed", "judgements"),
    ),
    Command("run_probes", (ALL_OF_SAMPLES, IMAGES, Input(RESPONSES.path, ("task",))), _run_probes, offline=False),
    Command(
        "contrast_probes",
        (
            SAMPLES,
            Input(RESPONSES.path, ("task",)),
            Input(PARSED.path, ("task", "verdict")),
            SCORES,
            PROBES_OF_ANSWERS,
            PROBES_OF_SAMPLES,
        ),
        _contrast_probes,
    ),
    Command(
        "draw_probes",
        (
            SAMPLES,
            IMAGES,
            Input("probes/{model}/groups.parquet", ("contrast", "reason")),
            PROBES_OF_ANSWERS,
        ),
        _draw_probes,
    ),
    Command("compare_judges", (ALL_OF_SAMPLES, RESPONSES, JUDGEMENTS), _compare),
    Command(
        "make_leaderboard",
        (
            ALL_OF_SAMPLES,
            Input("audit.parquet", ("flags",)),
            RESPONSES,
            JUDGEMENTS,
            SCORES,
            PROBES_OF_ANSWERS,
            PROBES_OF_SAMPLES,
        ),
        _leaderboard,
    ),
]


# ---- damages ---------------------------------------------------------------------------------------------------------


def first_key(rows: Rows) -> str:
    return str(rows[0]["sample_id"])


def _rewritten(path: Path, change: Callable[[Rows], Rows]) -> str:
    """Change the rows of a table; returns the sample of its first row."""
    schema = pq.read_schema(path)
    rows = pq.read_table(path).to_pylist()
    pq.write_table(pa.Table.from_pylist(change([dict(row) for row in rows]), schema=schema), path)
    return first_key(rows)


def remove(path: Path) -> str:
    """Without the first row; of a table with several rows per answer, without all of the first answer."""

    def change(rows: Rows) -> Rows:
        answer = (rows[0]["sample_id"], rows[0].get("task"))
        per_layer = "layer" in rows[0]
        return [row for row in rows[1:] if not per_layer or (row["sample_id"], row.get("task")) != answer]

    return _rewritten(path, change)


def repeat(path: Path) -> str:
    return _rewritten(path, lambda rows: [*rows, rows[0]])


def unknown(path: Path) -> str:
    _rewritten(path, lambda rows: [rows[0] | {"sample_id": UNKNOWN_ID}, *rows[1:]])
    return UNKNOWN_ID


def truncate(path: Path) -> str:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return str(path)


def overwrite(path: Path) -> str:
    """Whole at both ends and noise between them: what a file system makes of a crash."""
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little") + 8
    path.write_bytes(data[:4] + bytes(len(data) - length - 4) + data[-length:])
    return str(path)


def null(path: Path) -> str:
    """A null in a column that must have a value."""
    table = pq.read_table(path)
    name = next(one.name for one in table.schema if not one.nullable and one.name != "sample_id")
    column = pa.array([None, *table[name].to_pylist()[1:]], table.schema.field(name).type)
    place = table.schema.get_field_index(name)
    pq.write_table(table.set_column(place, pa.field(name, column.type), column), path)
    return name


def retype(path: Path) -> str:
    table = pq.read_table(path)
    numbers = pa.array(range(table.num_rows), pa.int64())
    pq.write_table(table.set_column(0, pa.field("sample_id", pa.int64(), nullable=False), numbers), path)
    return "sample_id int64"


DAMAGES = {one.__name__: one for one in (remove, repeat, unknown, truncate, overwrite, null, retype)}


def set_maybe(path: Path, column: str) -> str:
    """Set a declared column, or a field of its list, to a value that is not declared; returns the sample of the row."""
    name, _, inside = column.partition(".")
    sample_id = ""

    def change(rows: Rows) -> Rows:
        nonlocal sample_id
        row = next(row for row in rows if row[name] or not inside)
        sample_id = row["sample_id"]
        if inside:
            row[name] = [row[name][0] | {inside: MAYBE}, *row[name][1:]]
        else:
            row[name] = [MAYBE] if isinstance(row[name], list) else MAYBE
        return rows

    _rewritten(path, change)
    return sample_id


# ---- results to damage -----------------------------------------------------------------------------------------------


def _answers(sample_ids: list[str]) -> Rows:
    text = 'The cup is red in the first image and blue in the second.\n```json\n{"count": 1, "differences": ' + (
        '[{"type": "color", "category": "cup"}]}\n```'
    )
    texts = {"response_text": text, "response_same": "No, a cup differs.", "response_different": "Yes, a cup differs."}
    return [{"sample_id": sample_id, **texts} for sample_id in sample_ids]


def _probe_rows(probe: str, sample_ids: list[str]) -> Rows:
    """Two layers of each answer, with numbers in all measures."""
    schema, rng = PROBES[probe].schema, np.random.default_rng(0)
    tasks = TASKS if "task" in schema.names else (None,)
    measures = [one.name for one in schema if pa.types.is_floating(one.type)]
    rows = []
    for sample_id in sample_ids:
        for task in tasks:
            for layer in range(2):
                key = {"sample_id": sample_id, "layer": layer, "dtype": "float32", "status": "ok"}
                rows.append(key | ({"task": task} if task else {}) | {name: float(rng.random()) for name in measures})
    return rows


def _split_into_shards(responses: Path, folder: Path) -> None:
    table = pq.read_table(responses)
    sample_ids = table["sample_id"].unique().to_pylist()
    folder.mkdir(parents=True)
    for shard in range(2):
        inside = pa.compute.is_in(table["sample_id"], pa.array(sample_ids[shard::2]))
        pq.write_table(table.filter(inside), folder / f"{shard}.parquet")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Results of four samples, made by the commands, with probe tables of made-up numbers."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        split = {"pairs": 1, "objects": [3, 4], "differences": [1, 1]}
        splits = dict.fromkeys(("easy", "medium", "hard", "multi_diff"), split)
        (folder / "datasets.yaml").write_text(yaml.safe_dump({"demo": {"source": "demo", "seed": 1, "splits": splits}}))
        made = {"dataset": "demo", "datasets-file": str(folder / "datasets.yaml")}
        flags = [part for name, value in made.items() for part in (f"--{name}", value)]
        assert run("make_dataset", *flags, *tables("samples", "images")(folder)) is None

        sample_ids = pq.read_table(folder / "samples.parquet")["sample_id"].to_pylist()
        (folder / "answers.json").write_text(json.dumps(_answers(sample_ids)))
        entry = {"backend": "responses_file", "path": str(folder / "answers.json")}
        (folder / "models.yaml").write_text(yaml.safe_dump({"made-elsewhere": entry}))

        steps = {
            "audit_dataset": folder / "audit.parquet",
            "import_responses": RESPONSES.file(folder),
            "parse_responses": PARSED.file(folder),
            "judge_responses": JUDGEMENTS.file(folder),
            "score_responses": SCORES.file(folder),
        }
        for name, output in steps.items():
            command = next(command for command in COMMANDS if command.name == name)
            assert run(name, *command.arguments(folder, output)) is None
        shutil.copytree(folder / "judgements/rules", folder / "judgements/other")
        _split_into_shards(RESPONSES.file(folder), folder / "shards" / MODEL)

        probes = folder / "probes" / MODEL
        probes.mkdir(parents=True)
        for probe in PROBED:
            table = pa.Table.from_pylist(_probe_rows(probe, sample_ids), schema=PROBES[probe].schema)
            pq.write_table(table, probes / f"{probe}.parquet")
        assert run("contrast_probes", *_contrast_probes(folder, probes)) is None

        config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
        config |= {"models": [MODEL]}
        config["probes"] = config["probes"] | {"run": list(PROBED)}
        recorded = load_run(config, [ROOT / "config/config.yaml"], REGISTRY)
        write_config_file(recorded, folder / "config.json")
        yield folder


@pytest.fixture
def copied(results: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(results, tmp_path / "results"))


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


# ---- tests -----------------------------------------------------------------------------------------------------------


def cases() -> Iterator[Any]:
    for command in COMMANDS:
        for one in command.inputs:
            for name in DAMAGES:
                if name not in one.unnoticed:
                    yield pytest.param(command, one, name, id=f"{command}-{one.path}-{name}")
            for column in one.values:
                yield pytest.param(command, one, column, id=f"{command}-{one.path}-{column}")


@pytest.mark.parametrize(("command", "given", "damage"), list(cases()))
def test_a_damaged_input_stops_the_command(command: Command, given: Input, damage: str, copied: Path) -> None:
    path = given.file(copied)
    named = DAMAGES[damage](path) if damage in DAMAGES else set_maybe(path, damage)
    before, output = files_in(copied), copied.parent / "output"
    error = run(command.name, *command.arguments(copied, output))
    assert error is not None, "the command succeeded"
    assert named in error
    if damage not in DAMAGES:
        assert MAYBE in error and damage in error and str(path) in error
    assert files_in(copied) == before and not output.exists()


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.offline], ids=str)
def test_whole_inputs_pass(command: Command, copied: Path) -> None:
    assert run(command.name, *command.arguments(copied, copied.parent / "output")) is None


def test_every_command_that_reads_results_is_tested() -> None:
    in_rules = {
        name
        for rule in (ROOT / "rules").glob("*.smk")
        for name in [
            line.split("workflow_scripts/")[1].split(".py")[0]
            for line in rule.read_text().splitlines()
            if "python workflow_scripts/" in line
        ]
    }
    untested = {"make_dataset", "make_page"}  # the page shows what make_leaderboard has checked
    assert in_rules - {command.name for command in COMMANDS} == untested


def test_results_have_the_paths_of_the_workflow(results: Path) -> None:
    paths = ResultPaths(results)
    assert paths.scores("rules", MODEL) == SCORES.file(results)
    assert paths.probe(MODEL, "layer_changes") == PROBES_OF_ANSWERS.file(results)
