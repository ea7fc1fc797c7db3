"""The judge `vllm`: which jobs start an engine, how it is asked, and what is kept."""

import json
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from judging.paid_judge import ROOT, Judged, answers_of, write_answers, write_pairs
from waiting import COMMAND_SECONDS, wait_until

from spd_faith.core.entries import identity
from spd_faith.core.errors import UserError
from spd_faith.core.files import read_provenance
from spd_faith.core.journal import Journal
from spd_faith.judging.entries import JUDGES, OpenAIJudge, PanelJudge, RulesJudge, VllmJudge

COMMAND = shlex.join([sys.executable, str(ROOT / "tests/fake_engine.py")])
DRF = [("The car changed its color", "faithful"), ("was removed", "fabrication")]  # one of two is right
CR = [("changed its color", "changed its color", "consistent"), (None, "The tree was moved", "ambiguous")]
REPLIES = {
    "drf": json.dumps({"claims": [{"quote": q, "about": "", "reason": "", "label": label} for q, label in DRF]}),
    "cr": json.dumps(
        {
            "claims": [
                {"quote_same": q, "quote_different": other, "about": "", "reason": "", "label": label}
                for q, other, label in CR
            ]
        }
    ),
    "drf_labels": json.dumps({"labels": [{"number": n, "label": "faithful"} for n in (1, 2)]}),
    "cr_labels": json.dumps({"labels": [{"number": n, "label": "consistent"} for n in (1, 2)]}),
}


IN_QUESTIONS = {  # what only questions of a kind have in them, if they are none of the kinds before
    "cr_labels": "other_answer",
    "drf_labels": "=== claims ",
    "cr": 'ANSWER TO "ARE THE TWO PICTURES THE SAME?"',
    "drf": "",
}


def engine_variables(folder: Path, **settings: object) -> dict[str, str]:
    """The environment of fake engines that give the canned replies and remember what they see in a folder."""
    answers = [{"question": words, "text": REPLIES[kind]} for kind, words in IN_QUESTIONS.items()]
    (folder / "replies.json").write_text(json.dumps(answers))
    paths = {"ANSWERS": "replies.json", "STARTS": "starts.jsonl", "REQUESTS": "questions.jsonl"}
    settings = {name: folder / path for name, path in paths.items()} | settings
    return {f"FAKE_ENGINE_{name}": str(value) for name, value in settings.items()}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def fields(**changes: object) -> dict[str, Any]:
    entry = {"judge": "vllm", "model": "owner/judge-7b", "dtype": "bfloat16", "max_new_tokens": 512}
    return entry | {"command": COMMAND, "start_timeout": 60.0, "concurrency": 4, "timeout": 30.0} | changes


def entry_of(**changes: object) -> VllmJudge:
    return VllmJudge.model_validate(fields(**changes))


class Engines(Judged):
    """Runs the command with judges whose engines are fakes, and reads what these saw."""

    def write(self, **entries: dict[str, Any]) -> None:
        (self.folder / "judges.yaml").write_text(yaml.safe_dump(entries))

    def judge(self, answers: str = "model", **changes: object) -> None:
        self.write(local=fields(**changes))
        self.main(self.flags("local", answers))

    @property
    def starts(self) -> list[dict[str, Any]]:
        return lines(self.folder / "starts.jsonl")

    @property
    def questions(self) -> list[dict[str, Any]]:
        return lines(self.folder / "questions.jsonl")

    def journal(self, judge: str = "local") -> Path:
        return self.folder / "journal/judgements" / judge

    def left(self) -> list[int]:
        """The engines that still run."""
        return [one["pid"] for one in self.starts if Path("/proc", str(one["pid"])).exists()]


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engines:
    """Two pairs, about which `model` has answered."""
    for name, value in engine_variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    write_pairs(tmp_path, 2)
    write_answers(tmp_path, "model", [answers_of(number) for number in range(2)])
    return Engines(tmp_path)


# ---- one job ---------------------------------------------------------------------------------------------------------


def test_a_job_starts_an_engine_asks_it_and_stops_it(engines):
    engines.judge(options={"max_model_len": 4096}, revision="v1", prompt="short")
    rows = engines.rows()
    assert {key: (row["status"], row["calls"], row["usd"]) for key, row in rows.items()} == {
        (number, metric): ("ok", 1, None) for number in (0, 1) for metric in ("drf", "cr")
    }
    # CR: the verdicts agree and one of two claims does
    assert [rows[0, metric]["score"] for metric in ("drf", "cr")] == pytest.approx([1 / 2, 2 / 3])
    assert {row["judge_model"] for row in rows.values()} == {"owner/judge-7b"}

    (start,) = engines.starts
    assert start["arguments"][:-2] == [
        "owner/judge-7b", "--revision", "v1", "--dtype", "bfloat16", "--generation-config", "vllm",
        "--max-model-len", "4096",
    ]  # fmt: skip
    assert start["gpus"] == ""  # `gpu: 0`: it must not take one that another job holds
    assert len(engines.questions) == 4
    for question in engines.questions:
        assert (question["model"], question["temperature"], question["max_tokens"]) == ("owner/judge-7b", 0, 512)
        assert question["seed"] == 0 and question["response_format"]["type"] == "json_schema"
        assert isinstance(question["messages"][1]["content"], str)  # no images
    assert engines.left() == []
    assert "loading owner/judge-7b" in "".join(log.read_text() for log in engines.journal().glob("engine/*.log"))


def test_replies_and_tables_know_the_engine(engines):
    engines.judge(options={"max_model_len": 4096}, revision="v1", quantization="fp8")
    engine = {
        "engine": "vllm", "revision": "v1", "dtype": "bfloat16", "quantization": "fp8",
        "options": {"max_model_len": 4096}, "model": "owner/judge-7b",
    }  # fmt: skip
    kept = Journal(engines.journal()).read()
    assert [one.provenance for one in kept.values()] == [engine | {"gpus": 0, "version": "0.0.fake"}] * 4
    found = read_provenance(engines.folder / "judgements/model.parquet")
    assert {name: found[name] for name in (*engine, "versions")} == engine | {"versions": ["0.0.fake"]}


def test_only_missing_replies_start_an_engine(engines):
    engines.judge()
    first = engines.rows()
    engines.judge(concurrency=2)
    assert len(engines.starts) == 1 and engines.rows() == first

    write_answers(engines.folder, "other", [answers_of(0), answers_of(9)])  # without images, equal answers are one
    engines.judge("other")
    assert len(engines.starts) == 2 and len(engines.questions) == 4 + 2


def test_images_are_sent_if_the_entry_says_so(engines):
    engines.judge(images={"format": "png"})
    arguments = engines.starts[0]["arguments"]
    assert json.loads(arguments[arguments.index("--limit-mm-per-prompt") + 1]) == {"image": 2, "video": 0}
    for question in engines.questions:
        assert [part["type"] for part in question["messages"][1]["content"]] == ["image_url", "image_url", "text"]


def test_repeats_have_seeds_of_their_own(engines):
    engines.judge(repeats=2, request={"temperature": 0.3, "seed": 5})
    assert sorted(question["seed"] for question in engines.questions) == [5] * 4 + [6] * 4
    assert {question["temperature"] for question in engines.questions} == {0.3}


# ---- engines that fail -----------------------------------------------------------------------------------------------


def test_an_engine_that_dies_loses_nothing(engines, short_waits, monkeypatch):
    monkeypatch.setenv("FAKE_ENGINE_DIES_AFTER", "2")
    monkeypatch.setenv("FAKE_ENGINE_DEATH", "7")
    with pytest.raises(UserError) as caught:
        engines.judge(concurrency=1)
    message = str(caught.value)
    assert "local: the engine ended with exit code 7 while it answered" in message
    assert "the fake engine dies: 7" in message and "engine/" in message
    assert len(Journal(engines.journal()).read()) == 2
    assert not (engines.folder / "judgements/model.parquet").exists()

    monkeypatch.delenv("FAKE_ENGINE_DIES_AFTER")
    engines.judge()
    assert len(engines.starts) == 2 and len(engines.questions) == 3 + 2 and engines.left() == []
    assert {row["status"] for row in engines.rows().values()} == {"ok"}


def test_an_engine_that_does_not_come_up_is_reported(engines, monkeypatch):
    monkeypatch.setenv("FAKE_ENGINE_LOAD_SECONDS", "30")
    monkeypatch.setenv("FAKE_ENGINE_DIES_AFTER", "0.1s")
    with pytest.raises(UserError, match="the engine ended with exit code 1 while it started\n  loading owner/judge-7b"):
        engines.judge()
    assert engines.left() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_job_that_is_cancelled_stops_its_engine(engines, monkeypatch, number):
    monkeypatch.setenv("FAKE_ENGINE_TOGETHER", "2")  # it never answers
    engines.write(local=fields())
    script = str(ROOT / "workflow_scripts/judge_responses.py")
    # a shell may have started the tests with these ignored
    command = ["env", "--default-signal=INT,TERM", sys.executable, script, *engines.flags("local", "model")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as job:
        wait_until(lambda: engines.questions)
        job.send_signal(number)
        _, log = job.communicate(timeout=COMMAND_SECONDS)
    assert engines.questions and job.returncode != 0, log
    assert engines.left() == []


# ---- several jobs ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_jobs_of_two_models_run_at_the_same_time(engines, monkeypatch):
    """Each engine answers only when both have started."""
    monkeypatch.setenv("FAKE_ENGINE_TOGETHER", "2")
    write_answers(engines.folder, "other", [answers_of(number) for number in (5, 6)])
    engines.write(local=fields())
    script = str(ROOT / "workflow_scripts/judge_responses.py")
    jobs = [
        subprocess.Popen([sys.executable, script, *engines.flags("local", model)], stderr=subprocess.PIPE, text=True)
        for model in ("model", "other")
    ]
    logs = [job.communicate(timeout=COMMAND_SECONDS)[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], logs
    assert len(engines.starts) == 2 and engines.left() == []
    rows = engines.rows("model"), engines.rows("other")
    assert {row["status"] for table in rows for row in table.values()} == {"ok"}

    engines.judge("model")
    engines.judge("other")
    assert len(engines.starts) == 2 and (engines.rows("model"), engines.rows("other")) == rows


def test_jobs_of_one_model_wait_for_each_other():
    assert entry_of().lock_name("a") == entry_of(concurrency=9).lock_name("a") != entry_of().lock_name("b")


# ---- panels ----------------------------------------------------------------------------------------------------------


def test_engines_of_a_panel_follow_each_other(engines):
    members = {name: fields(model=f"owner/{name}") for name in ("one", "two")}
    engines.write(rules={"judge": "rules"}, **members, panel={"judge": "panel", "members": ["rules", *members]})
    engines.main(engines.flags("panel", "model"))
    assert [one["arguments"][0] for one in engines.starts] == ["owner/one", "owner/two"]
    assert [one["others"] for one in engines.starts] == [[], []]
    rows = engines.rows()
    # both engines call all claims right, so they outvote the rules
    assert [claim["label"] for claim in rows[0, "drf"]["claims"]] == ["faithful"] * 2
    assert {row["calls"] for row in rows.values()} == {2}
    assert len(Journal(engines.journal("one")).read()) == len(Journal(engines.journal("two")).read()) == 4

    engines.main(engines.flags("panel", "model"))
    assert len(engines.starts) == 2


def test_a_panel_reserves_what_its_members_need():
    large = entry_of(resources={"gpu": 4, "mem_mb": 64_000, "runtime": 30, "partition": "gpu"})
    small = entry_of(resources={"gpu": 1, "threads": 8, "runtime": 20})
    panel = PanelJudge(judge="panel", members={"rules": RulesJudge(judge="rules"), "large": large, "small": small})
    needed = panel.job_resources()
    assert (needed.gpu, needed.threads, needed.mem_mb, needed.partition) == (4, 8, 64_000, "gpu")
    assert needed.runtime == 10 + 30 + 20 and not panel.runs_with_scoring


# ---- entries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "is_new"),
    [
        ({"model": "owner/other"}, True),
        ({"revision": "v2"}, True),
        ({"dtype": "float16"}, True),
        ({"quantization": "fp8"}, True),
        ({"options": {"max_model_len": 4096}}, True),
        ({"request": {"temperature": 0, "seed": 1}}, True),
        ({"max_new_tokens": 1024}, True),
        ({"generation": 2}, True),
        ({"structured_output": "structured_outputs"}, True),
        ({"command": f"{COMMAND} --enforce-eager"}, False),
        ({"concurrency": 1, "timeout": 31.0, "start_timeout": 61.0, "memory_fraction": 0.5}, False),
        ({"resources": {"mem_mb": 9000}, "label": "Another"}, False),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_replies_are_kept_under_what_they_depend_on(engines, change, is_new):
    engines.judge()
    assert (identity(entry_of(**change)) != identity(entry_of())) is is_new
    engines.judge(**change)
    assert len(engines.starts) == 1 + is_new


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"options": {"tensor_parallel_size": 2}}, "set by resources.gpu"),
        ({"options": {"dtype": "half"}}, "set by a key of the entry of that name"),
        ({"options": {"--max-model-len": 4096}}, "written as max_model_len"),
        ({"options": {"generation_config": "auto"}}, "set by the workflow"),
        ({"options": {"": 1}}, "not the name of an option"),
        ({"options": {"max model len": 4096}}, "not the name of an option"),
        ({"options": {"q": "awq"}}, "not the name of an option"),
        ({"options": {"config": "other.yaml"}}, "set by the entry"),
        ({"options": {"max_model_len": None}}, "null is no value"),
        ({"command": "vllm 'serve"}, "No closing quotation"),
        ({"command": " "}, "no command"),
        ({"dtype": "half"}, "dtype"),
        ({"request": {"response_format": {"type": "text"}}}, "set by the workflow: response_format"),
        ({"request": {"max_tokens": 5}}, "set by other keys or by the workflow: max_tokens"),
        ({"structured_output": "grammar"}, "structured_output"),
        ({"base_url": "http://localhost:8000/v1"}, "base_url"),
        ({"max_usd": 5.0}, "max_usd"),
        ({"models": {"drf": {"model": "m"}}}, "models"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_wrong_entries_are_refused_when_the_config_is_read(engines, change, error):
    engines.write(local=fields(**change))
    with pytest.raises(UserError) as caught:
        JUDGES.load(engines.folder / "judges.yaml")
    assert f"{engines.folder}/judges.yaml: local.{next(iter(change))}" in str(caught.value)
    assert error in str(caught.value)


def test_a_folder_without_a_checkpoint_is_none(tmp_path):
    absent = entry_of(model=str(tmp_path)).absent_file()
    assert absent and (absent.field, absent.value) == ("model", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert entry_of(model=str(tmp_path)).absent_file() is None
    assert entry_of().absent_file() is None  # on the hub


def test_a_gpu_is_required_if_one_is_reserved():
    assert [entry_of(resources={"gpu": n}).requirements().gpu for n in (0, 1)] == [False, True]
    assert entry_of(resources={"gpu": 2}).requirements().num_gpus == 2
    paid = OpenAIJudge(judge="openai", base_url="https://x.org", max_new_tokens=512)
    assert not paid.requirements().gpu


def test_the_engine_gets_the_gpus_of_the_job(engines, monkeypatch):
    gpus = [f"GPU-{number}a000000-0000-0000-0000-000000000000" for number in range(3)]
    monkeypatch.setattr(tempfile, "tempdir", str(engines.folder))  # of the locks
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(gpus))
    engines.judge(resources={"gpu": 2})
    (start,) = engines.starts
    arguments = start["arguments"]
    assert start["gpus"] == ",".join(gpus[:2])
    assert arguments[arguments.index("--tensor-parallel-size") + 1] == "2"
    assert arguments[arguments.index("--gpu-memory-utilization") + 1] == "0.9"
