"""What engines report of their starts, over the shards of a model."""

import sys

import pytest
from scoring.tables import sample, samples_table

import gather_responses
from spd_faith.core.files import read_provenance, write_table
from spd_faith.core.schemas import RESPONSES, SAMPLES, TASKS
from spd_faith.inference.answers import Provenance, not_asked
from spd_faith.inference.engine_sessions import Session, Sessions, joint_with_sums
from spd_faith.inference.parity import in_sum

MADE_BY = Provenance("owner/name", "float32", "pil", {"vllm": "0.1", "device": "cuda"}, "abc")
NAMES = ["easy/00000_1", "easy/00001_2", "easy/00002_3"]
COUNTS = ("prefix_hits", "prefix_queries", "image_hits", "image_queries")


def session(*counts, parity=""):
    """`counts` are prompt tokens found, of how many; images found, of how many."""
    return Session(9, **dict(zip(COUNTS, counts, strict=True)), parity=parity)


def shard_table(folder, number, sessions):
    """What run_inference.py writes of a shard."""
    rows = [{"sample_id": NAMES[number], "task": task, "prompt_sha": "a"} | not_asked("") for task in TASKS]
    rows = [row | {"dtype": "float32", "pixel_backend": "pil"} for row in rows]
    write_table(folder / f"{number}.parquet", rows, RESPONSES, MADE_BY.to_json() | sessions.kept())
    return folder / f"{number}.parquet"


def gathered(folder, shards, monkeypatch):
    """The provenance of the table that gather_responses.py makes of the shards."""
    samples = samples_table(*(sample(name, image_id=name[-1]) for name in NAMES)).to_pylist()
    write_table(folder / "samples.parquet", samples, SAMPLES)
    flags = ["--samples", folder / "samples.parquet", "--output", folder / "all.parquet", "--shards", *shards]
    monkeypatch.setattr(sys, "argv", ["gather_responses.py", *map(str, flags)])
    gather_responses.main()
    return read_provenance(folder / "all.parquet")


def test_the_figures_of_shards_are_added(tmp_path, monkeypatch):
    """The three share a journal, so the table of the second has the sessions of the first too. The third started twice
    and compared nothing."""
    sessions = Sessions(tmp_path / "journal", {"model": "owner/name"})
    others = Sessions(tmp_path / "journal", {"model": "owner/name", "generation": 2})
    others.append(session(7, 7, 7, 7, parity="1 of 7 answers equal"), MADE_BY)
    shards = []
    for number, ended in enumerate(
        (
            [session(10, 100, 2, 6, parity="24 of 24 answers equal")],
            [session(30, 200, 4, 12, parity="5 of 6 answers equal")],
            [session(0, 50, 0, 2), session(7, 51, 1, 4)],
        )
    ):
        for one in ended:
            sessions.append(one, MADE_BY)
        shards.append(shard_table(tmp_path, number, sessions))
    expected = {
        "engine_starts": 4,  # 1 + 1 + 2
        "prefix_cache": "47 of 401 prompt tokens",
        "image_cache": "7 of 24 images",
        "parity": "29 of 30 answers equal",
    }
    assert gathered(tmp_path, shards, monkeypatch) == MADE_BY.to_json() | expected
    assert gathered(tmp_path, shards[::-1], monkeypatch) == MADE_BY.to_json() | expected


def test_shards_of_a_model_without_an_engine(tmp_path, monkeypatch):
    sessions = Sessions(tmp_path / "journal", {"model": "owner/name"})
    shards = [shard_table(tmp_path, number, sessions) for number in range(3)]
    assert gathered(tmp_path, shards, monkeypatch) == MADE_BY.to_json()


def test_the_only_shard_has_its_sums():
    found = joint_with_sums([{"dtype": "float32", "engine_sessions": {"a": {"questions": 3, "image_queries": 4}}}])
    assert found == {
        "dtype": "float32",
        "engine_starts": 1,
        "prefix_cache": "0 of 0 prompt tokens",
        "image_cache": "0 of 4 images",
    }


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ([], ""),
        (["6 of 6 answers equal"], "6 of 6 answers equal"),
        (["not measured: no room"] * 2, "not measured: no room"),
        (["not measured: 1 of 2 files", "3 of 4 answers equal"], "3 of 4 answers equal; not measured: 1 of 2 files"),
        (["3 of 4 answers equal", "0 of 2 answers equal"], "3 of 6 answers equal"),
    ],
)
def test_parity_of_several_checks(found, text):
    assert in_sum(found) == text
