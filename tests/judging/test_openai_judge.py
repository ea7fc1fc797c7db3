"""The endpoint judge: its requests, the judgements from its replies, and its costs."""

import io
import json
import math
import re
import shutil

import pytest
from fault_server import FaultServer, echoing_headers, reply, slow, status
from judging.paid_judge import (
    PRICES,
    TRUTH,
    USD,
    Judged,
    answers_of,
    fenced,
    honest,
    honest_claims,
    metric_of,
    write_answers,
    write_pairs,
)
from PIL import Image
from waiting import NEVER, PATIENCE

from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import IMAGES, SAMPLES

pytestmark = pytest.mark.slow

SILENT = {"describe": "", "same": "No.", "different": "No."}


def of_metric(metric, play):
    """Apply `play` to the requests of one metric."""
    return lambda request: play if metric_of(request) == metric else None


def claim(quote, label="faithful"):
    return {"quote": quote, "about": "", "reason": "", "label": label}


# ---- requests --------------------------------------------------------------------------------------------------------


def test_scores_are_computed_from_the_labels(judged):
    with FaultServer(answer=honest) as server:
        judged.run(server)
    rows = judged.rows()
    assert len(rows) == 8
    drf, cr = rows[2, "drf"], rows[2, "cr"]
    assert (drf["n_faithful"], drf["n_unfaithful"], drf["score"], drf["status"]) == (1, 1, 0.5, "ok")
    assert [(c["text"], c["label"], c["error_type"], c["severity"]) for c in drf["claims"]] == [
        ("The car changed its color.", "faithful", None, None),
        ("The bench number 2 was removed.", "unfaithful", "fabrication", "critical"),
    ]
    # the verdicts agree, the car is in both answers, the tree in one
    assert (cr["n_consistent"], cr["n_ambiguous"], cr["score"]) == (2, 1, pytest.approx(2 / 3))
    assert [(c["text"], c["other_text"], c["label"]) for c in cr["claims"]] == [
        ("No", "Yes", "consistent"),
        ("The car number 2 changed its color.",) * 2 + ("consistent",),
        ("The tree was moved.", None, "ambiguous"),
    ]
    assert (drf["judge_model"], drf["calls"], drf["attempts"], drf["usd"]) == (
        "served-model-2026-11-24", 1, 1, pytest.approx(USD),
    )  # fmt: skip
    assert (drf["prompt_tokens"], drf["generated_tokens"], drf["cut_characters"]) == (100, 10, 0)
    assert drf["seconds"] > 0 and drf["judge_score"] is None and drf["score_spread"] is None


def test_each_metric_has_its_model_its_schema_and_both_images(judged):
    with FaultServer(answer=honest) as server:
        judged.run(server)
    by_metric = {metric: [r for r in server.requests if metric_of(r) == metric] for metric in ("drf", "cr")}
    assert [len(requests) for requests in by_metric.values()] == [4, 4]
    for metric, requests in by_metric.items():
        for request in requests:
            body = request.body
            assert (body["model"], body["temperature"], body["seed"]) == (f"asked-{metric}", 0, 0)
            assert body["max_tokens"] == 512 and body["response_format"]["json_schema"]["strict"] is True
            assert [message["role"] for message in body["messages"]] == ["system", "user"]
        pairs = [tuple(request.images) for request in requests]
        assert {len(pair) for pair in pairs} == {2} and len(set(pairs)) == 4
    numbers = {answer: number for number in range(4) for answer in answers_of(number).values()}
    by_pair = {}
    for request in server.requests:
        by_pair.setdefault(tuple(request.images), set()).add(numbers[fenced(request)[0]])
    assert sorted(map(list, by_pair.values())) == [[0], [1], [2], [3]]


def test_images_are_sent_in_the_configured_format_and_size(judged):
    table = read_table(judged.folder / "images.parquet", IMAGES).to_pylist()
    for row, size in zip(table, [(100, 50), (30, 60), (20, 20), (50, 50)], strict=True):
        file = io.BytesIO()
        Image.new("RGB", size, "red").save(file, "PNG")
        row |= {"original": file.getvalue(), "original_sha256": str(size)}
    write_table(judged.folder / "images.parquet", table, IMAGES)
    with FaultServer(answer=honest) as server:
        judged.run(server, images={"format": "png", "max_side": 50})
    sent = [Image.open(io.BytesIO(request.images[0])) for request in server.requests if request.images]
    assert {image.size for image in sent} == {(50, 25), (25, 50), (20, 20), (50, 50)}
    assert {image.format for image in sent} == {"PNG"}


def test_images_are_not_sent_if_disabled(judged):
    (judged.folder / "images.parquet").unlink()
    with FaultServer(answer=honest) as server:
        judged.run(server, images=None)
    assert [request.images for request in server.requests] == [[]] * 8


def test_missing_images_are_an_error_if_they_are_sent(judged):
    (judged.folder / "images.parquet").unlink()
    with FaultServer() as server, pytest.raises(UserError, match=r"images\.parquet: no such file"):
        judged.run(server)


# ---- replies ---------------------------------------------------------------------------------------------------------


def test_an_invalid_reply_is_requested_again_once_with_the_error(judged):
    def first_broken(request):
        messages = request.body["messages"]
        if metric_of(request) != "drf" or len(messages) > 2:
            return None
        return reply('{"claims": [{"quote": "x"}]}')

    with FaultServer(first_broken, answer=honest) as server:
        judged.run(server)
    rows = judged.rows()
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert [rows[0, metric]["calls"] for metric in ("drf", "cr")] == [2, 1]
    assert rows[0, "drf"]["usd"] == pytest.approx(2 * USD) and rows[0, "drf"]["attempts"] == 2
    again = next(request for request in server.requests if len(request.body["messages"]) > 2)
    roles = [message["role"] for message in again.body["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert again.body["messages"][2]["content"] == '{"claims": [{"quote": "x"}]}'
    assert "claims.0.about: Field required" in again.body["messages"][3]["content"]
    assert len(again.images) == 2
    assert len(server.requests) == 4 + 8


@pytest.mark.parametrize("broken", ["", "not JSON", '{"claims": [{"quote": "x", "label": "faithful"}]}'])
def test_a_second_invalid_reply_leaves_its_row_unscored(judged, broken):
    with FaultServer(of_metric("drf", reply(broken)), answer=honest) as server:
        judged.run(server)
    assert len(server.requests) == 4 * 2 + 4
    rows = judged.rows()
    assert len(rows) == 8
    row = rows[1, "drf"]
    assert (row["status"], row["score"], row["claims"], row["n_faithful"]) == ("unscored:schema", None, [], 0)
    assert (row["calls"], row["usd"]) == (2, pytest.approx(2 * USD))
    assert rows[1, "cr"]["status"] == "ok"


@pytest.mark.parametrize(
    ("play", "reason", "kept"),
    [
        (reply('{"claims": [{"quote": "The car', "length"), "truncated", True),
        (reply({"content": None, "refusal": "I cannot."}), "refusal", True),
        (reply("", "content_filter"), "filter", True),
        (status(400, {"message": "no", "code": "content_filter"}), "filter", True),
        (status(403, {"message": "flagged", "metadata": {"flagged_input": "a"}}), "filter", True),
        (reply("", choices=[{"finish_reason": "SAFETY"}]), "filter", True),
        (reply('{"claims": [{"quote": "The car', "MAX_TOKENS"), "truncated", True),
        (reply('{"claims": []}', "abort"), "error", False),
        (slow(NEVER), "timeout", False),
        (status(400, "no such field"), "error", False),
    ],
    ids=[
        "truncated", "refusal", "filtered reply", "filtered question", "filtered question (OpenRouter)",
        "filtered reply (Gemini)", "truncated (Gemini)", "broken off", "timeout", "refused question",
    ],
)  # fmt: skip
def test_a_failed_judgement_is_a_row_without_a_score(judged, play, reason, kept):
    fails = {"on": True}

    def script(request):
        return play if fails["on"] and metric_of(request) == "cr" else None

    with FaultServer(script, answer=honest) as server:
        judged.run(server, timeout=8.0 if reason == "timeout" else PATIENCE, attempts=1)
        row = judged.rows()[3, "cr"]
        assert (row["status"], row["score"], row["claims"]) == (f"unscored:{reason}", None, [])
        assert judged.rows()[3, "drf"]["score"] == 0.5
        # a later run only requests missing replies
        fails["on"] = False
        asked = len(server.requests)
        judged.run(server, attempts=1)
        assert len(server.requests) - asked == (0 if kept else 4)
        assert (judged.rows()[3, "cr"]["status"] == "ok") is not kept


def test_a_score_in_the_reply_is_stored_separately(judged):
    def printing(request):
        return json.dumps({"claims": honest_claims(request), "score": 0.4})

    with FaultServer(answer=printing) as server:
        judged.run(server)
    row = judged.rows()[0, "drf"]
    assert (row["score"], row["judge_score"]) == (0.5, 0.4)


def test_invented_claims_are_counted_but_not_scored(judged):
    def inventing(request):
        claims = honest_claims(request)
        if metric_of(request) == "drf":
            claims.append(claim("the car changed from red to blue"))  # quotes the truth
        else:
            claims.append({**claims[0], "quote_same": "The lamp is lit", "label": "contradictory"})
        return json.dumps({"claims": claims})

    with FaultServer(answer=inventing) as server:
        judged.run(server)
    rows = judged.rows()
    drf, cr = rows[0, "drf"], rows[0, "cr"]
    assert (drf["n_invented"], drf["n_faithful"], drf["score"], drf["claims"][-1]["label"]) == (1, 1, 0.5, "invented")
    assert (cr["n_invented"], cr["n_contradictory"], cr["score"]) == (1, 0, pytest.approx(2 / 3))


def test_only_invented_claims_leave_the_row_unscored(judged):
    invented = reply(json.dumps({"claims": [claim("the car changed from red to blue")]}))
    with FaultServer(of_metric("drf", invented), answer=honest) as server:
        judged.run(server)
    row = judged.rows()[0, "drf"]
    assert (row["status"], row["score"], row["n_invented"], row["n_faithful"]) == ("unscored:invented", None, 1, 0)
    assert len(server.requests) == 8


def test_an_answer_without_claims_scores_zero(judged):
    with FaultServer(of_metric("drf", reply('{"claims": []}')), answer=honest) as server:
        judged.run(server)
    row = judged.rows()[0, "drf"]
    assert (row["status"], row["score"], row["calls"]) == ("no_claims", 0.0, 1)


def test_reasoning_before_the_reply_is_ignored(judged):
    with FaultServer(answer=lambda request: "<think>{hm}</think>" + honest(request)) as server:
        judged.run(server)
    assert {row["status"] for row in judged.rows().values()} == {"ok"}


def test_a_reply_with_text_around_its_json_is_paid_once(judged):
    def wordy(request):
        return f"Here is the JSON:\n```json\n{honest(request)}\n```\nAll claims are labelled."

    with FaultServer(answer=wordy) as server:
        judged.run(server)
    rows = judged.rows()
    assert {(row["status"], row["calls"]) for row in rows.values()} == {("ok", 1)}
    assert len(server.requests) == 8


def test_empty_answers_are_judged_without_a_call(judged):
    write_answers(judged.folder, "model", [SILENT, SILENT | {"describe": "None."}, SILENT | {"same": "Yes."}, SILENT])
    with FaultServer() as server:
        judged.run(server)
        assert server.requests == []
    rows = judged.rows()
    drf, cr = rows[0, "drf"], rows[0, "cr"]
    assert (drf["status"], drf["score"], drf["claims"], drf["usd"]) == ("no_claims", 0.0, [], None)
    assert [c["label"] for c in rows[1, "drf"]["claims"]] == ["unfaithful"]  # "no differences" is wrong
    assert [(c["text"], c["other_text"], c["label"]) for c in cr["claims"]] == [("No", "No", "contradictory")]
    assert (cr["score"], rows[2, "cr"]["score"], rows[2, "cr"]["n_consistent"]) == (0.0, 1.0, 1)
    assert {row["judge_model"] for row in rows.values()} == {"rules-4"}
    assert {row["calls"] for row in rows.values()} == {None}


def test_answers_in_other_languages_are_judged(judged):
    """What is null is the claim about verdicts that the parser cannot read; without another claim, CR is null."""
    chinese = {"describe": "汽车的颜色变了，从红色变成了蓝色。", "same": "不同，汽车变成了蓝色。", "different": "Yes."}
    one_word = {"describe": "汽车从红色变成了蓝色", "same": "不同", "different": "是"}
    silent = {"describe": "None.", "same": "不一样，完全不一样。", "different": "是的，不一样。"}
    write_answers(judged.folder, "model", [SILENT, chinese, one_word, silent])

    def play(request):
        if metric_of(request) == "drf":
            return json.dumps({"claims": [claim("汽车")]})
        quotes = {
            "quote_same": "汽车变成了蓝色",
            "quote_different": None,
            "about": "",
            "reason": "",
            "label": "ambiguous",
        }
        return json.dumps({"claims": [quotes] if "汽车" in fenced(request)[0] else []})

    with FaultServer(answer=play) as server:
        judged.run(server, repeats=2)
    rows = judged.rows()
    assert [(rows[k, "drf"]["status"], rows[k, "drf"]["score"]) for k in (1, 2)] == [("ok", 1.0)] * 2
    assert [claim["label"] for claim in rows[1, "cr"]["claims"]] == ["ambiguous"]
    assert [(rows[k, "cr"]["status"], rows[k, "cr"]["score"]) for k in (1, 2, 3)] == [
        ("ok", 0.0),
        ("ok", 1.0),  # two words that the lexicon has
        ("unscored:language", None),
    ]


def test_an_unreadable_image_fails_only_its_own_rows_without_a_call(judged):
    table = read_table(judged.folder / "images.parquet", IMAGES).to_pylist()
    table[1]["modified"] = b"no picture"
    write_table(judged.folder / "images.parquet", table, IMAGES)
    with FaultServer(answer=honest) as server:
        judged.run(server)
    assert len(server.requests) == 6
    statuses = {key: row["status"] for key, row in judged.rows().items()}
    assert {statuses.pop((1, metric)) for metric in ("drf", "cr")} == {"unscored:picture"}
    assert set(statuses.values()) == {"ok"}


# ---- costs -----------------------------------------------------------------------------------------------------------


def test_nothing_is_paid_for_twice(judged):
    with FaultServer(answer=honest) as server:
        judged.run(server)
        first = judged.rows()
        judged.run(server)
        assert len(server.requests) == 8 and judged.rows() == first
        judged.run(server, concurrency=2, attempts=9, timeout=PATIENCE + 1)  # not part of the identity
        assert len(server.requests) == 8


def test_another_model_only_pays_for_its_new_answers(judged):
    answers = [answers_of(number) for number in range(4)]
    answers[2] = answers[2] | {"describe": "The bench number 7 was removed."}
    write_answers(judged.folder, "other", answers)
    with FaultServer(answer=honest) as server:
        judged.run(server)
        judged.run(server, model="other")
        assert len(server.requests) == 9
    one, other = judged.rows(), judged.rows("other")
    assert other[2, "drf"]["score"] == 0.0
    same = [key for key in one if one[key] == other[key]]
    assert len(same) == 7
    assert {key for key in one if one[key]["question_sha"] != other[key]["question_sha"]} == {(2, "drf")}


@pytest.mark.parametrize(("images", "of_consistency"), [({"max_side": 1024}, 4), (None, 1)])
def test_equal_answers_about_other_images_are_one_request_without_images(judged, images, of_consistency):
    rows = read_table(judged.folder / "samples.parquet", SAMPLES).to_pylist()
    for number, row in enumerate(rows):
        row["differences"] = [TRUTH[0] | {"description": f"car {number}"}]
    write_table(judged.folder / "samples.parquet", rows, SAMPLES)
    write_answers(judged.folder, "model", [answers_of(0)] * 4)
    with FaultServer(answer=honest) as server:
        judged.run(server, images=images)
    metrics = [metric_of(request) for request in server.requests]
    assert (metrics.count("cr"), metrics.count("drf")) == (of_consistency, 4)


def changed_truth(judged):
    rows = read_table(judged.folder / "samples.parquet", SAMPLES).to_pylist()
    rows[0]["differences"] = [TRUTH[0] | {"category": "bench"}]
    write_table(judged.folder / "samples.parquet", rows, SAMPLES)


def changed_image(judged):
    table = read_table(judged.folder / "images.parquet", IMAGES).to_pylist()
    table[0] |= {"original": table[1]["original"], "original_sha256": table[1]["original_sha256"]}
    write_table(judged.folder / "images.parquet", table, IMAGES)


def changed_prompt(judged):
    judged.prompts = shutil.copytree(judged.prompts, judged.folder / "prompts")
    path = judged.prompts / "judge_cr.txt"
    path.write_text(path.read_text(encoding="utf-8").replace("You give no score.", "Give none."), encoding="utf-8")


MODELS = {metric: {"model": f"asked-{metric}", "prices": PRICES} for metric in ("drf", "cr")}


@pytest.mark.parametrize(
    ("change", "entry", "asked"),
    [
        (None, {"models": MODELS | {"cr": {"model": "newer"}}}, 4),
        (None, {"models": MODELS | {"drf": {"model": "asked-drf"}}}, 0),  # other prices
        (None, {"generation": 2}, 8),
        (None, {"request": {"temperature": 0}}, 8),
        (None, {"images": {"max_side": 28}}, 8),
        (changed_truth, {}, 1),
        (changed_image, {}, 2),
        (changed_prompt, {}, 4),
    ],
    ids=[
        "model of a metric",
        "prices",
        "generation",
        "request",
        "images",
        "truth of a pair",
        "picture of a pair",
        "prompt of a metric",
    ],
)
def test_a_change_only_repeats_the_calls_that_depend_on_it(judged, change, entry, asked):
    with FaultServer(answer=honest) as server:
        judged.run(server)
        if change:
            change(judged)
        judged.run(server, **entry)
    assert len(server.requests) - 8 == asked


def test_a_cost_limit_stops_the_job_before_it_is_exceeded_and_the_next_run_continues(judged):
    free = {"models": MODELS | {"cr": {"model": "asked-cr", "prices": PRICES | {"input": 0, "output": 0}}}}
    with FaultServer(answer=honest) as server:
        with pytest.raises(UserError, match=r"max_usd: \$0\.0000 of \$0\.0001 is spent") as caught:
            judged.run(server, max_usd=0.0001, concurrency=1, **free)
        assert server.requests == []
        # after the first call, the remaining budget is too small for another one
        bound = float(re.search(r"can cost up to \$(\d\.\d+)", str(caught.value))[1])
        with pytest.raises(UserError, match=r"max_usd: \$0\.000[34] of"):
            judged.run(server, max_usd=bound + USD / 2, concurrency=1, **free)
        assert [metric_of(request) for request in server.requests] == ["drf", "cr"]
        assert not (judged.folder / "judgements").exists()
        judged.run(server, max_usd=1.0, **free)
    assert len(server.requests) == 8


def test_the_cost_bound_of_a_call_uses_the_image_tokens_of_its_model(judged):
    def bound(**fields):
        models = {metric: {"model": "m", "prices": PRICES} | fields for metric in ("drf", "cr")}
        with FaultServer() as server, pytest.raises(UserError) as caught:
            judged.run(server, models=models, max_usd=0.0001, concurrency=1)
        return float(re.search(r"can cost up to \$(\d\.\d+)", str(caught.value))[1])

    # an image of 8 × 8 pixels is bounded by 2,048 tokens, at $2.5 per million
    assert bound(image_tokens=25_501) - bound() == pytest.approx(2 * (25_501 - 2048) * 2.5e-6, abs=1e-4)


def test_the_cost_limit_covers_all_models_of_a_dataset(judged):
    write_answers(judged.folder, "other", [answers_of(number + 100) for number in range(4)])
    with FaultServer(answer=honest) as server:
        judged.run(server, max_usd=0.05)
        with pytest.raises(UserError, match="max_usd"):
            judged.run(server, model="other", max_usd=8 * USD + 0.001)
    assert len(server.requests) == 8


def test_an_endpoint_without_schema_support_is_reported_early(judged):
    write_answers(judged.folder, "model", [answers_of(0)] * 4)
    refusing = FaultServer(lambda request: status(400, "response_format is not supported"))
    with refusing as server, pytest.raises(UserError, match="all 8 judgements failed"):
        judged.run(server)
    assert len(server.requests) == 8


def test_ten_refusals_in_a_row_end_the_job(tmp_path, short_waits):
    write_pairs(tmp_path, 30)
    write_answers(tmp_path, "model", [answers_of(number) for number in range(30)])
    refusing = FaultServer(lambda request: status(400, "response_format is not supported"))
    message = r"10 questions in a row were refused(.|\n)*response_format is not supported(.|\n)*strict true"
    with refusing as server, pytest.raises(UserError, match=message):
        Judged(tmp_path).run(server, concurrency=2)
    assert len(server.requests) <= 12


def test_repeatedly_refused_judgements_are_unscored_rows(tmp_path, short_waits):
    """Twelve of forty requests are flagged; the second run repeats only those."""
    write_pairs(tmp_path, 20)
    write_answers(tmp_path, "model", [answers_of(number) for number in range(20)])
    judged = Judged(tmp_path)
    flagged = [f"number {number} was removed" for number in range(12)]

    def script(request):
        return status(403, "not this") if any(words in fenced(request)[0] for words in flagged) else None

    with FaultServer(script, answer=honest) as server:
        judged.run(server, concurrency=2)
        judged.run(server, concurrency=2)
    assert len(server.requests) == 40 + 12
    statuses = [row["status"] for row in judged.rows().values()]
    assert (statuses.count("unscored:error"), statuses.count("ok")) == (12, 28)


def test_a_missing_key_is_reported_before_any_call(judged, monkeypatch):
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with FaultServer() as server:
        with pytest.raises(UserError, match="set the environment variable JUDGE_KEY"):
            judged.run(server, key_variable="JUDGE_KEY")
        assert server.requests == []


def test_the_key_is_in_no_file_and_no_message(judged, monkeypatch, caplog):
    key = "sk-0123456789abcdef"
    monkeypatch.setenv("JUDGE_KEY", key)
    with FaultServer(of_metric("cr", echoing_headers(400)), answer=honest) as server:
        judged.run(server, key_variable="JUDGE_KEY")
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {key}"}
    assert "[key]" in caplog.text and key not in caplog.text
    files = [path for path in judged.folder.rglob("*") if path.is_file()]
    assert len(files) > 8 and not [path for path in files if key.encode() in path.read_bytes()]


# ---- repeats ---------------------------------------------------------------------------------------------------------


def undecided(request):
    """The first repeat labels the bench faithful, the second omits it, the third labels it a fabrication."""
    if metric_of(request) != "drf":
        return honest(request)
    car, bench = honest_claims(request)
    seed = request.body["seed"]
    return json.dumps({"claims": [[car, bench | {"label": "faithful"}], [car], [car, bench]][seed]})


def test_repeats_use_different_seeds_and_yield_mean_and_spread(judged):
    with FaultServer(answer=undecided) as server:
        judged.run(server, repeats=3)
    assert sorted(request.body["seed"] for request in server.requests) == sorted([0, 1, 2] * 8)
    row = judged.rows()[0, "drf"]
    found = [(c["text"], c["label"], c["mean"], c["spread"]) for c in row["claims"]]
    assert found == [
        ("The car changed its color.", "faithful", 1.0, 0.0),
        ("The bench number 0 was removed.", "faithful", 0.5, 0.5),  # a tie between two labels: the first one
    ]
    assert row["score"] == 1.0
    assert row["score_spread"] == pytest.approx(math.sqrt(((1 - 5 / 6) ** 2 * 2 + (1 / 2 - 5 / 6) ** 2) / 3))
    assert (row["calls"], row["usd"]) == (3, pytest.approx(3 * USD))
    cr = judged.rows()[0, "cr"]
    assert (cr["score"], cr["score_spread"], {c["spread"] for c in cr["claims"]}) == (pytest.approx(2 / 3), 0.0, {0.0})


def test_labels_are_decided_by_majority(judged):
    with FaultServer(answer=lambda request: undecided_of_five(request)) as server:
        judged.run(server, repeats=5)
    car, bench = judged.rows()[0, "drf"]["claims"]
    assert (bench["label"], bench["error_type"], bench["mean"]) == ("unfaithful", "fabrication", pytest.approx(0.4))
    assert bench["spread"] == pytest.approx(math.sqrt(0.24)) and car["mean"] == 1.0


def undecided_of_five(request):
    if metric_of(request) != "drf":
        return honest(request)
    car, bench = honest_claims(request)
    claims = [car, bench | {"label": "faithful"} if request.body["seed"] in (0, 3) else bench]
    if request.body["seed"] == 4:
        claims.append(claim("number"))  # listed by one repeat in five
    return json.dumps({"claims": claims})


def test_more_repeats_only_pay_for_the_new_ones(judged):
    with FaultServer(answer=undecided) as server:
        judged.run(server)
        judged.run(server, repeats=3)
    assert len(server.requests) == 8 * 3


def test_repeats_work_without_a_seed(judged):
    with FaultServer(answer=honest) as server:
        judged.run(server, repeats=2, request={"temperature": 1})
    assert len(server.requests) == 8 * 2
    assert not any("seed" in request.body for request in server.requests)
    assert judged.rows()[0, "drf"]["calls"] == 2


def test_a_failed_repeat_does_not_affect_the_others(judged):
    def second_fails(request):
        return reply("", "length") if request.body["seed"] == 1 else None

    with FaultServer(second_fails, answer=honest) as server:
        judged.run(server, repeats=3)
    row = judged.rows()[0, "drf"]
    assert (row["status"], row["score"], row["calls"]) == ("ok", 0.5, 3)


# ---- concurrent jobs of one judge ------------------------------------------------------------------------------------


def test_two_concurrent_jobs_pay_once_for_equal_answers(judged):
    write_answers(judged.folder, "other", [answers_of(number) for number in range(4)])
    with FaultServer(answer=honest, seconds=0.2) as server:
        jobs = [judged.start(server, model, concurrency=2) for model in ("model", "other")]
        for job in jobs:
            judged.finish(job)
        assert len(server.requests) == 8 and server.most_in_flight <= 2
    assert judged.rows() == judged.rows("other")
