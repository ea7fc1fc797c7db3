"""Half a surrogate pair from every side, through the real commands: it is kept, and nothing is asked twice for it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dataset.own_files import CAR, save_pair
from fault_server import FaultServer, reply, status
from judging.paid_judge import Judged, honest_claims, metric_of, write_answers, write_pairs
from waiting import COMMAND_SECONDS

from spd_faith.core.files import read_provenance, read_table
from spd_faith.core.schemas import PARSED, RESPONSES, SAMPLES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
HALF = "\ud83d"  # json.dumps writes it as an escape, as servers do
ODD = f"No {HALF}\x1b[2J\x00\u2028\u202e."
KEPT = "No \ufffd\x1b[2J\x00\u2028\u202e."


@pytest.fixture
def run(tmp_path: Path):
    def run(command: str, **flags: str) -> subprocess.CompletedProcess[str]:
        named = [part for name, value in flags.items() for part in (f"--{name.replace('_', '-')}", value)]
        return subprocess.run(
            [sys.executable, str(ROOT / "workflow_scripts" / command), *named],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    return run


@pytest.fixture
def pairs(tmp_path: Path, run) -> list[dict]:
    """Samples of one's own with odd characters wherever text can stand."""
    save_pair(tmp_path, "a.png", "b.png")
    save_pair(tmp_path, "c.png", "d.png")
    truth = {"modifications": [CAR | {"category": f"car{HALF}", "description": ODD}], "question": ODD}
    lines = [
        {"qid": f"1{HALF}", "original": "a.png", "modified": "b.png", **truth},
        {"qid": "2", "original": "c.png", "modified": "d.png", **truth},
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "datasets.yaml").write_text("own: {source: jsonl, path: pairs.jsonl}")
    done = run("make_dataset.py", dataset="own", datasets_file="datasets.yaml", samples="samples.parquet",
               images="images.parquet")  # fmt: skip
    assert done.returncode == 0, done.stderr
    return read_table(tmp_path / "samples.parquet", SAMPLES).to_pylist()


def test_own_pairs_keep_their_text(pairs: list[dict]) -> None:
    assert [row["sample_id"] for row in pairs] == ["pairs/00000_1\ufffd", "pairs/00001_2"]
    assert pairs[0]["differences"][0]["category"] == "car\ufffd"
    assert pairs[0]["differences"][0]["description"] == pairs[0]["question"] == KEPT


def test_folders_with_names_that_are_no_utf8_stay_apart(tmp_path: Path, run) -> None:
    for name in (b"b\xe4r", b"b\xf6r"):
        folder = Path(os.fsdecode(bytes(tmp_path) + b"/own/easy/" + name))
        save_pair(folder, "original.png", "modified.png")
        (folder / "differences.json").write_text(json.dumps({"modifications": [CAR]}))
    (tmp_path / "datasets.yaml").write_text("own: {source: folder, path: own}")
    done = run("make_dataset.py", dataset="own", datasets_file="datasets.yaml", samples="s", images="i")
    assert done.returncode == 0, done.stderr
    ids = read_table(tmp_path / "s", SAMPLES)["image_id"].to_pylist()
    assert ids == [r"b\udce4r", r"b\udcf6r"]


def test_answers_of_an_endpoint_are_kept_and_paid_once(tmp_path: Path, pairs: list[dict], run) -> None:
    def serve(request):
        if request.number == 0:
            return status(400, {"message": ODD, "code": ODD})
        return reply({"content": ODD, "reasoning_content": f"hm {HALF}"}, model=f"served {HALF}")

    flags = {"model": "odd", "models_file": "models.yaml", "prompts": str(ROOT / "resources/prompts")}
    flags |= {"samples": "samples.parquet", "images": "images.parquet", "journal": "journal", "slots": "slots"}
    with FaultServer(serve) as server:
        entry = {"label": f"Odd {HALF}", "backend": "openai", "base_url": server.base_url, "model": f"asked {HALF}"}
        (tmp_path / "models.yaml").write_text(json.dumps({"odd": entry | {"max_new_tokens": 64, "concurrency": 1}}))
        done = run("run_inference.py", **flags, output="responses.parquet")
        assert done.returncode == 0, done.stderr
        assert [request.body["model"] for request in server.requests] == [
            "asked \ufffd"
        ] * 3  # the pictures of both pairs are equal
        rows = read_table(tmp_path / "responses.parquet", RESPONSES).to_pylist()
        failed = [row["error"] for row in rows if row["error"]]
        answered = {(row["response_text"], row["reasoning_text"]) for row in rows if not row["error"]}
        assert failed == [f"400: {KEPT}"] * 2 and answered == {(KEPT, "hm \ufffd")}
        assert read_provenance(tmp_path / "responses.parquet")["revision"] == "served \ufffd"

        again = run("run_inference.py", **flags, output="again.parquet")
        assert again.returncode == 0, again.stderr
        assert len(server.requests) == 4  # the one that failed alone
    done = run("parse_responses.py", responses="again.parquet", output="parsed.parquet")
    assert done.returncode == 0, done.stderr
    verdicts = {row["verdict"] for row in read_table(tmp_path / "parsed.parquet", PARSED).to_pylist() if row["verdict"]}
    assert verdicts == {"differs", "same"}  # "No" to either question


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_answers_made_elsewhere_find_their_samples(tmp_path: Path, pairs: list[dict], run, suffix: str) -> None:
    record = {"qid": f"1{HALF}", "model": f"theirs {HALF}", "response_same": ODD}
    record["model_response"] = f"One. {HALF}"
    record["parsed_response"] = json.dumps([{"type": "color", "category": f"car{HALF}"}])  # JSON in JSON
    (tmp_path / f"answers.{suffix}").write_text(json.dumps(record))
    (tmp_path / "models.yaml").write_text(
        yaml.safe_dump({"t": {"backend": "responses_file", "path": f"answers.{suffix}"}})
    )
    done = run(
        "import_responses.py", model="t", models_file="models.yaml", samples="samples.parquet", output="r.parquet"
    )
    assert done.returncode == 0, done.stderr
    rows = read_table(tmp_path / "r.parquet", RESPONSES).to_pylist()
    found = {row["task"]: row["response_text"] for row in rows if row["sample_id"] == pairs[0]["sample_id"]}
    assert found["same"] == KEPT
    assert found["describe"].startswith("One. \ufffd\n") and '"car\ufffd"' in found["describe"]
    assert read_provenance(tmp_path / "r.parquet")["model"] == "theirs \ufffd"


def test_a_judge_s_reply_is_kept_and_paid_once(tmp_path: Path) -> None:
    def serve(request):
        claims = [claim | {"about": HALF, "reason": ODD} for claim in honest_claims(request)]
        text = json.dumps({"claims": claims}, ensure_ascii=request.number % 2 == 0)  # escaped twice, or once
        broken = request.number == 1  # so that the conversation goes on with what was replied
        return reply(f"{text[:-1]} {HALF}" if broken else text, model=f"judge {HALF}")

    write_pairs(tmp_path, 2)
    texts = {"describe": "The car changed its color. The bench was removed.", "same": "No.", "different": "Yes."}
    write_answers(tmp_path, "model", [texts, {**texts, "describe": "The car moved. The car changed its color."}])
    judged = Judged(tmp_path)
    with FaultServer(serve) as server:
        judged.finish(judged.start(server, concurrency=1))
        rows = judged.rows()
        assert {row["status"] for row in rows.values()} == {"ok"}
        assert {metric_of(request) for request in server.requests} >= {"drf"}
        asked = len(server.requests)
        assert any("\ufffd" in message["content"] for request in server.requests
                   for message in request.body["messages"] if message["role"] == "assistant")  # fmt: skip
        judged.finish(judged.start(server, concurrency=1))
        assert len(server.requests) == asked and judged.rows() == rows
