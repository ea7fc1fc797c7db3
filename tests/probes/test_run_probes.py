"""The command run_probes.py on a reference model, as the workflow starts it, and answers that cannot be measured."""

import os
import subprocess
import sys
from itertools import islice

import pandas as pd
import pytest
import yaml
from probes.probed import ROOT
from waiting import COMMAND_SECONDS

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_provenance, read_table, write_table
from spd_faith.core.schemas import (
    IMAGES,
    RESPONSES,
    SAMPLES,
    TASKS,
)
from spd_faith.dataset.demo import demo_pairs, image_row, sample_row
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.entries import DATASETS
from spd_faith.inference.prompts import load_prompts
from spd_faith.inference.questions import Question
from spd_faith.probes.forward import run_pass
from spd_faith.probes.outcomes import measure_answers
from spd_faith.probes.passes import Pass, Unmeasured
from spd_faith.probes.registry import PROBES
from spd_faith.probes.samples import SavedAnswer
from spd_faith.probes.tables import PROBE_STATUSES
from spd_faith.probes.writing import start_probes, write_probes

LAYERS = 4


@pytest.fixture(scope="module")
def asked(load):
    """Three pairs of the demo dataset, their questions, and the answers of a reference model."""
    prompts = load_prompts(ROOT / "resources" / "prompts")
    pairs = list(islice(demo_pairs(DATASETS.load_entry(ROOT / "config" / "datasets.yaml", "demo")), 3))
    images = [image_row(pair) for pair in pairs]
    questions = [
        Question(row["sample_id"], task, prompts[task].text, row["original"], row["modified"])
        for row in images
        for task in TASKS
    ]
    shown = [(one.text, decode(one.original), decode(one.modified)) for one in questions]
    answers = load("tiny-qwen2-vl").generator.generate(shown)
    # the models of `load` stop after few tokens: cut off, as an answer of any length may be
    saved = {
        (one.sample_id, one.task): SavedAnswer(answer.token_ids, answer.prompt_tokens)
        for one, answer in zip(questions, answers, strict=True)
    }
    return [sample_row(pair) for pair in pairs], images, questions, saved


def response(question, answer):
    shas = {task: prompt.sha for task, prompt in load_prompts(ROOT / "resources" / "prompts").items()}
    return {
        "sample_id": question.sample_id,
        "task": question.task,
        "prompt_sha": shas[question.task],
        "response_text": "",
        "response_token_ids": answer.token_ids,
        "finish_reason": "length",
        "prompt_tokens": answer.prompt_tokens,
        "seconds": 0.0,
        "attempts": 1,
    }


# ---- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, asked):
    """Saved tables; one answer failed, and one image of the second pair is damaged."""
    samples, images, questions, saved = asked
    write_table(tmp_path / "samples.parquet", samples, SAMPLES)
    damaged = images[1] | {"original": b"no picture"}
    write_table(tmp_path / "images.parquet", [images[0], damaged, images[2]], IMAGES)
    rows = [response(one, saved[one.sample_id, one.task]) for one in questions]
    rows[8] |= {"response_token_ids": None, "prompt_tokens": None, "finish_reason": "error", "error": "out of memory"}
    write_table(tmp_path / "responses.parquet", rows, RESPONSES)
    return tmp_path


def run(folder, *flags, model="tiny-qwen2-vl"):
    command = [sys.executable, ROOT / "workflow_scripts" / "run_probes.py", "--model", model]
    command += ["--samples", folder / "samples.parquet", "--images", folder / "images.parquet"]
    command += ["--responses", folder / "responses.parquet", "--output-folder", folder / "probes", *flags]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=COMMAND_SECONDS, cwd=ROOT)


@pytest.mark.slow
def test_one_run_writes_every_table_with_a_row_for_every_unit(folder, asked):
    samples, _, questions, saved = asked
    done = run(folder, "--batch-size", "2", "--samples-per-split", "10", "--seed", "4")
    assert done.returncode == 0, done.stderr
    assert "tiny-qwen2-vl: 9/9 answers" in done.stderr
    assert "failed: 3 of 9 answers; their rows have this status" in done.stderr
    assert set(PROBES) <= {path.stem for path in (folder / "probes").iterdir()}
    tables = {name: read_table(probe.path_in(folder / "probes"), probe.schema) for name, probe in PROBES.items()}
    first, damaged, third = (sample["sample_id"] for sample in samples)
    failed = {(damaged, task): "failed" for task in TASKS} | {(third, "different"): "no_answer"}
    layers = range(LAYERS)

    for name, tokens in (("layer_changes", False), ("neuron_activation", False), ("generation_attention", True)):
        table = tables[name].to_pandas()
        expected = {(*key, None, *([None] if tokens else [])) for key in failed}
        for one in questions:
            key = (one.sample_id, one.task)
            units = [(i,) for i in range(len(saved[key].token_ids))] if tokens else [()]
            expected |= {(*key, layer, *unit) for layer in layers for unit in units if key not in failed}
        columns = ["sample_id", "task", "layer", *(["token"] if tokens else [])]
        found = [
            tuple(None if pd.isna(value) else value for value in row) for row in table[columns].itertuples(index=False)
        ]
        assert len(found) == len(set(found))
        assert set(found) == expected
        statuses = table[table["layer"].isna()].set_index(["sample_id", "task"])["status"].to_dict()
        assert statuses == failed
        assert set(table["status"]) <= set(PROBE_STATUSES)
        measured = table[table["status"] == "ok"]
        assert not measured.drop(columns="error").isna().any(axis=None)
        assert set(measured["greedy_agreement"]) == {1.0}
        assert set(table["dtype"]) == {"float32"}

    similarity = tables["hidden_similarity"].to_pandas()
    assert list(
        similarity[similarity["status"] == "ok"][["sample_id", "layer"]].itertuples(index=False, name=None)
    ) == [(first, layer) for layer in layers]
    assert set(similarity[similarity["layer"].isna()][["sample_id", "status"]].itertuples(index=False, name=None)) == {
        (damaged, "failed"),
        (third, "no_answer"),
    }
    for name, unit in (("token_activation_map", "token"), ("grounding", "layer")):
        table = tables[name].to_pandas()
        units = {key: range(len(answer.token_ids)) if unit == "token" else layers for key, answer in saved.items()}
        expected = {(*key, number) for key, numbers in units.items() for number in numbers if key not in failed}
        ok = table[table["status"] == "ok"]
        found = list(ok[["sample_id", "task", unit]].itertuples(index=False, name=None))
        assert len(found) == len(set(found))
        assert set(found) == expected
        assert table[table[unit].isna()].set_index(["sample_id", "task"])["status"].to_dict() == failed
    maps = tables["token_activation_map"].to_pandas()
    assert set(maps["map"].dropna().map(len)) == {32}
    provenance = read_provenance(folder / "probes" / "layer_changes.parquet")
    assert (provenance["seed"], provenance["samples_per_split"], provenance["revision"]) == (4, 10, "local")


@pytest.mark.slow
def test_fewer_samples_may_be_asked_for(folder):
    assert run(folder, "--samples-per-split", "1", "--seed", "2").returncode == 0
    table = pd.read_parquet(folder / "probes" / "layer_changes.parquet")
    assert table["sample_id"].nunique() == 1


def check_refused(done, folder, *words):
    """Exit code 1, one message without a traceback, no output."""
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert not (folder / "probes").exists()


def test_a_model_behind_an_endpoint_is_refused(folder):
    fields = {"backend": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "far", "max_new_tokens": 5}
    (folder / "models.yaml").write_text(yaml.safe_dump({"far": fields}))
    done = run(folder, "--models-file", folder / "models.yaml", model="far")
    check_refused(done, folder, "far.backend: not what this command takes")


def test_answers_to_another_prompt_are_refused(folder):
    prompts = folder / "prompts"
    prompts.mkdir()
    for task in TASKS:
        (prompts / f"{task}.txt").write_text("Say no.")
    check_refused(run(folder, "--prompts", prompts), folder, "answered with a different prompt", "Run inference again")


# ---- answers that cannot be measured ---------------------------------------------------------------------------------


def outcomes(load, asked, changed=None, batch_size=4):
    """What comes of each question, with answers `changed` by the question's number."""
    _, _, questions, saved = asked
    keys = [(one.sample_id, one.task) for one in questions]
    answers = saved | {keys[number]: answer for number, answer in (changed or {}).items()}
    probed = load("tiny-qwen2-vl")
    measured = measure_answers(probed.checkpoint, probed.builder, questions, answers, batch_size)
    found = {(one.sample_id, one.task): outcome for one, outcome in measured}
    return [found[key] for key in keys]


def test_every_answer_is_measured(load, asked):
    found = outcomes(load, asked)
    assert all(isinstance(outcome, Pass) for outcome in found)
    assert [len(outcome.answer_token_ids) for outcome in found] == [
        len(answer.token_ids) for answer in asked[3].values()
    ]


def test_the_answers_about_a_sample_share_a_pass_and_its_images(load, asked, monkeypatch):
    passes = []

    def record(model, batch, hooks):
        passes.append((len(batch.rows), len(batch.token_ids)))
        return run_pass(model, batch, hooks)

    monkeypatch.setattr("spd_faith.probes.outcomes.run_pass", record)
    outcomes(load, asked, batch_size=2)
    assert passes == [(6, 2), (3, 1)]


def test_a_failed_answer_does_not_affect_others(load, asked):
    """The id of no token, in the middle of a batch of three."""
    tokens = asked[3][asked[2][3].sample_id, "describe"].prompt_tokens
    found = outcomes(load, asked, {3: SavedAnswer([5, 10**6, 7], tokens)})
    assert [isinstance(outcome, Pass) for outcome in found] == [i != 3 for i in range(9)]
    assert found[3].status == "failed"
    assert found[3].error.startswith("IndexError: ")


def test_an_answer_without_tokens_is_reported(load, asked):
    found = outcomes(load, asked, {0: SavedAnswer([], None)})
    assert found[0] == Unmeasured("float32", "no_answer")


def test_an_answer_to_a_prompt_of_another_length_is_not_measured(load, asked):
    """As where images were prepared otherwise when it was given."""
    answer = asked[3][asked[2][1].sample_id, "same"]
    found = outcomes(load, asked, {1: SavedAnswer(answer.token_ids, answer.prompt_tokens + 1)})
    assert found[1].status == "failed"
    assert f"has {answer.prompt_tokens} tokens now but had {answer.prompt_tokens + 1}" in found[1].error


def test_where_nothing_can_be_measured_there_are_no_tables(tmp_path):
    with pytest.raises(UserError, match="none of 2 answers could be measured"):  # noqa: SIM117
        with write_probes(tmp_path, start_probes(["layer_changes", "hidden_similarity"], {}, None), {}) as write:
            for task in ("same", "different"):
                write("a", task, Unmeasured("float32", "failed", "out of memory"))
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_what_is_measured_is_unsupported(load, asked, monkeypatch):
    decoder = load("tiny-qwen2-vl").model.get_decoder()
    with monkeypatch.context() as patched:
        patched.setattr(decoder.layers[1].self_attn, "forward", lambda hidden_states, **more: (hidden_states, None))
        why = "the model cannot be probed: its attention does not use the attention interface of transformers"
        assert outcomes(load, asked) == [Unmeasured("float32", "unsupported", why)] * 9
    monkeypatch.delattr(decoder, "layers")
    why = "Qwen2VLForConditionalGeneration cannot be probed or changed: its decoder is not a list of layers with "
    assert outcomes(load, asked) == [Unmeasured("float32", "unsupported", f"{why}self_attn and mlp")] * 9
