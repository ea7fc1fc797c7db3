"""The panel: one shared list of claims, what each member is asked, the vote, and what is kept."""

import json
import re
from pathlib import Path

import pytest
import yaml
from fault_server import FaultServer, reply, status
from judging.paid_judge import (
    USD,
    Judged,
    answers_of,
    fenced,
    fields_of,
    honest,
    material,
    metric_of,
    write_answers,
    write_pairs,
)

from spd_faith.core.entries import AnswerPaths, identity
from spd_faith.core.errors import UserError
from spd_faith.core.files import read_provenance, read_table
from spd_faith.core.schemas import JUDGEMENTS
from spd_faith.judging.answers import load_answers
from spd_faith.judging.claims import Claim
from spd_faith.judging.entries import JUDGES
from spd_faith.judging.judge_replies import ReplyError, read_labels, reply_schema
from spd_faith.judging.panel import decided_claims, majority
from spd_faith.leaderboard.judges import judge_costs

PROMPTS = Path(__file__).parents[2] / "resources/prompts"
CAR, BENCH = "The car changed its color", "The bench number 0 was removed"

# ---- the vote --------------------------------------------------------------------------------------------------------


def voted(metric, *labels):
    """(label, error type) of a claim that the members label so; an error type stands for unfaithful."""
    known = {"drf": ("faithful", "unverifiable"), "cr": ("consistent", "contradictory", "ambiguous")}[metric]
    votes = [Claim("x", *((one,) if one in known else ("unfaithful", None, one))) for one in labels]
    decided = majority(metric, votes)
    return decided.label, decided.error_type


FAITHFUL, OPEN = "faithful", "unverifiable"
MISMATCH, CONFUSION, ATTRIBUTE, INVENTION = (
    "type_category_mismatch", "type_confusion", "attribute_error", "fabrication",
)  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([FAITHFUL, FAITHFUL], ("faithful", None)),
        ([FAITHFUL, FAITHFUL, INVENTION], ("faithful", None)),
        ([FAITHFUL, INVENTION, OPEN], ("unverifiable", None)),  # three ways
        ([FAITHFUL, INVENTION], ("unverifiable", None)),  # a tie
        ([FAITHFUL, FAITHFUL, INVENTION, OPEN], ("unverifiable", None)),  # half is no strict majority
        ([OPEN, OPEN, FAITHFUL], ("unverifiable", None)),
        ([INVENTION, INVENTION, FAITHFUL], ("unfaithful", INVENTION)),
        ([INVENTION, ATTRIBUTE, INVENTION], ("unfaithful", INVENTION)),
        ([INVENTION, ATTRIBUTE, FAITHFUL], ("unfaithful", ATTRIBUTE)),  # a tie: minor before critical
        ([MISMATCH, CONFUSION], ("unfaithful", CONFUSION)),  # moderate before critical
        ([CONFUSION, ATTRIBUTE], ("unfaithful", ATTRIBUTE)),  # minor before moderate
        ([INVENTION, MISMATCH], ("unfaithful", MISMATCH)),  # both critical
        ([MISMATCH, INVENTION], ("unfaithful", MISMATCH)),
    ],
)
def test_the_strict_majority_decides(labels, expected):
    assert voted("drf", *labels) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["consistent", "consistent", "contradictory"], "consistent"),
        (["contradictory", "contradictory", "ambiguous"], "contradictory"),
        (["consistent", "contradictory"], "ambiguous"),
        (["consistent", "contradictory", "ambiguous"], "ambiguous"),
    ],
)
def test_an_undecided_claim_of_cr_is_ambiguous(labels, expected):
    assert voted("cr", *labels) == (expected, None)


def test_members_without_an_answer_do_not_vote_and_one_is_no_panel():
    good, bad = (Claim("x", "faithful"),), (Claim("x", "unfaithful", error_type="fabrication"),)
    assert [one.label for one in decided_claims("drf", [good, None, good])] == ["faithful"]
    assert [one.label for one in decided_claims("drf", [good, None, bad])] == ["unverifiable"]
    assert decided_claims("drf", [good, None, None]) is None
    assert decided_claims("drf", [None, None, None]) is None


# ---- replies ---------------------------------------------------------------------------------------------------------

CLAIMS = (Claim(CAR, "faithful"), Claim(BENCH, "unfaithful", error_type="fabrication"))
LABELS = '{"labels": [{"number": 2, "label": "attribute_error"}, {"number": 1, "label": "unverifiable"}]}'


@pytest.mark.parametrize("wrapped", ["{}", "Sure:\n```json\n{}\n```", "<think>1 is {{}}</think>{}", '{{"reply": {}}}'])
def test_labels_are_read_by_number(wrapped):
    found = read_labels("drf", wrapped.format(LABELS), CLAIMS).claims
    assert found == (Claim(CAR, "unverifiable"), Claim(BENCH, "unfaithful", error_type="attribute_error"))


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        ([(1, "faithful")], "needs each of the numbers 1 to 2 once"),
        ([(1, "faithful"), (2, "faithful"), (3, "faithful")], "needs each of the numbers 1 to 2 once"),
        ([(0, "faithful"), (1, "faithful")], "needs each of the numbers 1 to 2 once"),
        ([(1, "faithful"), (1, "faithful"), (2, "faithful")], "needs each of the numbers 1 to 2 once"),
        ([(1, "faithful"), (2, "consistent")], "labels.1.label"),
        ([(1, "faithful"), (2, "unfaithful")], "labels.1.label"),
        ([(1, "faithful"), ("2", "faithful")], "labels.1.number"),
    ],
)
def test_an_incomplete_or_invalid_reply_is_an_error(labels, error):
    text = json.dumps({"labels": [{"number": number, "label": label} for number, label in labels]})
    with pytest.raises(ReplyError, match=error):
        read_labels("drf", text, CLAIMS)


def test_the_claims_form_is_no_reply_to_listed_claims():
    with pytest.raises(ReplyError):
        read_labels("drf", '{"claims": []}', CLAIMS)


# ---- runs ------------------------------------------------------------------------------------------------------------


def claims_of(request):
    """The numbered claims in a request, by number."""
    text = material(request)
    mark = re.search(r"bear the mark (\w+)", text)[1]
    listed = re.search(rf"=== claims {mark} begin ===\n(.*)\n=== claims {mark} end ===", text, re.DOTALL)[1]
    return {claim.pop("number"): claim for claim in map(json.loads, listed.split("\n"))}


def member_of(request):
    return request.body["model"].partition("-")[0]


def labelling(**labels):
    """Answers with the labels of each member by metric, in the order of the claims."""

    def answer(request):
        given = labels[f"{member_of(request)}_{metric_of(request)}"]
        numbers = list(claims_of(request))
        return json.dumps({"labels": [{"number": n, "label": given[n - 1]} for n in numbers]})

    return answer


AGREEING = {"drf": ["faithful", "fabrication"], "cr": ["consistent", "ambiguous"]}
SAME = {f"{name}_{metric}": labels for name in ("one", "two") for metric, labels in AGREEING.items()}


class Panel(Judged):
    """Runs a panel of `members`; `one` and `two` are models at the server."""

    def write(self, server, members=("rules", "one", "two"), **changes):
        entries = {"rules": {"judge": "rules"}, "panel": {"judge": "panel", "members": list(members)}}
        for name in ("one", "two"):
            models = fields_of(server)["models"]
            asked = {metric: model | {"model": f"{name}-{metric}"} for metric, model in models.items()}
            entries[name] = fields_of(server, models=asked, attempts=1) | changes
        (self.folder / "judges.yaml").write_text(yaml.safe_dump(entries))

    def judge(self, server, model="model", judge="panel", **changes):
        self.write(server, **changes)
        self.main(self.flags(judge, model))

    def entry(self):
        return JUDGES.load_entry(self.folder / "judges.yaml", "panel")

    def votes(self, model="model"):
        return read_provenance(self.folder / f"judgements/{model}.parquet")["votes"]


@pytest.fixture
def panel(tmp_path, short_waits):
    write_pairs(tmp_path, 1)
    write_answers(tmp_path, "model", [answers_of(0)])
    return Panel(tmp_path)


def labels_of(row):
    return [(claim["text"], claim["label"], claim["error_type"]) for claim in row["claims"]]


def test_all_members_label_the_list_of_the_rules_and_the_majority_decides(panel):
    labels = SAME | {
        "one_drf": ["faithful", "faithful"],
        "two_drf": ["attribute_error", "faithful"],
        "one_cr": ["contradictory", "consistent"],
        "two_cr": ["contradictory", "contradictory"],
    }
    with FaultServer(answer=labelling(**labels)) as server:
        panel.judge(server)
    drf, cr = (panel.rows()[0, metric] for metric in ("drf", "cr"))
    # car: faithful by the rules and one of two; bench: a fabrication by the rules alone
    assert labels_of(drf) == [(CAR, "faithful", None), (BENCH, "faithful", None)]
    assert (drf["n_faithful"], drf["score"], drf["status"], drf["n_invented"]) == (2, 1.0, "ok", 0)
    # the verdicts are not voted on; car: contradictory by two of three; tree: three labels
    assert labels_of(cr) == [
        ("No", "consistent", None),
        ("The car number 0 changed its color", "contradictory", None),
        ("The tree was moved", "ambiguous", None),
    ]
    assert cr["score"] == pytest.approx(1 / 3)
    assert (drf["calls"], drf["prompt_tokens"], drf["usd"]) == (2, 200, pytest.approx(2 * USD))
    assert drf["judge_model"] == "rules-4, served-model-2026-11-24"
    assert panel.votes() == {
        "easy/00000_0": {
            "drf": [["faithful", "fabrication"], ["faithful", "faithful"], ["attribute_error", "faithful"]],
            "cr": [["consistent", "ambiguous"], ["contradictory", "consistent"], ["contradictory", "contradictory"]],
        }
    }


def test_what_a_member_is_asked(panel):
    with FaultServer(answer=labelling(**SAME)) as server:
        panel.judge(server)
    assert sorted(request.body["model"] for request in server.requests) == ["one-cr", "one-drf", "two-cr", "two-drf"]
    for request in server.requests:
        metric = metric_of(request)
        name, schema = reply_schema(metric, are_listed=True)
        form = request.body["response_format"]["json_schema"]
        assert (form["name"], form["schema"], name) == (f"{metric}_labels", schema, f"{metric}_labels")
        answers = answers_of(0)
        assert fenced(request) == [answers["describe"]] if metric == "drf" else [answers["same"], answers["different"]]
        car = "The car number 0 changed its color"
        assert (
            claims_of(request)
            == {
                "drf": {1: {"claim": CAR}, 2: {"claim": BENCH}},
                "cr": {1: {"claim": car, "other_answer": car}, 2: {"claim": "The tree was moved"}},
            }[metric]
        )
        assert ("changed from red to blue" in material(request)) is (metric == "drf")  # the truth
        assert len(request.images) == 2


def test_replies_are_paid_for_once_and_kept_with_the_member(panel):
    with FaultServer(answer=labelling(**SAME)) as server:
        panel.judge(server)
        assert len(server.requests) == 4
        first = panel.rows()
        panel.judge(server)  # another run, and another panel of the same members
        panel.judge(server, members=("two", "one"))
        assert len(server.requests) == 4
        panel.judge(server)
        write_answers(panel.folder, "other", [answers_of(0)])  # equal answers of another model
        panel.judge(server, model="other")
        assert len(server.requests) == 4
    assert panel.rows() == panel.rows("other") == first
    journals = panel.folder / "journal/judgements"
    assert sorted(path.name for path in journals.iterdir()) == ["one", "two"]


def test_the_replies_as_a_lone_judge_are_others(panel):
    def answer(request):
        return labelling(**SAME)(request) if "=== claims" in material(request) else honest(request)

    with FaultServer(answer=answer) as server:
        panel.judge(server, judge="one")
        panel.judge(server)
        panel.judge(server, judge="one")
    assert len(server.requests) == 2 + 4


def test_a_member_that_fails_does_not_vote(panel):
    write_pairs(panel.folder, 2)
    write_answers(panel.folder, "model", [answers_of(0), answers_of(1)])

    def play(request):
        fails = member_of(request) == "two" and metric_of(request) == "drf" and "number 0 was" in material(request)
        return reply("not JSON") if fails else None

    with FaultServer(play, answer=labelling(**SAME)) as server:
        panel.judge(server)
    rows = panel.rows()
    assert [rows[k, "drf"]["status"] for k in (0, 1)] == ["ok", "ok"]
    assert rows[0, "drf"]["score"] == 0.5 and rows[0, "drf"]["calls"] == 3  # asked again once
    assert panel.votes()["easy/00000_0"]["drf"] == [["faithful", "fabrication"]] * 2 + [None]
    assert panel.votes()["easy/00001_1"]["drf"] == [["faithful", "fabrication"]] * 3


def test_fewer_than_two_answers_leave_a_judgement_unscored_with_the_reason(panel):
    def play(request):
        if metric_of(request) == "cr":
            return None
        return status(400, "no") if member_of(request) == "one" else reply("not JSON")

    with FaultServer(play, answer=labelling(**SAME)) as server:
        panel.judge(server, members=("rules", "two"))
        row = panel.rows()[0, "drf"]
        assert (row["status"], row["score"], row["claims"], row["n_faithful"]) == ("unscored:schema", None, [], 0)
        assert panel.votes()["easy/00000_0"]["drf"] == [["faithful", "fabrication"], None]
        assert panel.rows()[0, "cr"]["status"] == "ok"
        panel.judge(server)
    assert panel.rows()[0, "drf"]["status"] == "unscored:error"  # of the first that failed


def test_an_answer_without_claims_costs_nothing(panel):
    silent = {"describe": "I cannot see any pictures.", "same": "No.", "different": "Yes."}
    write_answers(panel.folder, "model", [silent])
    with FaultServer() as server:
        panel.judge(server)
        assert server.requests == []
    drf, cr = (panel.rows()[0, metric] for metric in ("drf", "cr"))
    assert (drf["status"], drf["score"], drf["calls"]) == ("no_claims", 0, None)
    assert (labels_of(cr), cr["score"]) == ([("No", "consistent", None)], 1)
    assert panel.votes() == {}


def test_a_failed_answer_is_not_sent(panel):
    write_answers(panel.folder, "model", [answers_of(0)], finish_reason="content_filter")
    with FaultServer() as server:
        panel.judge(server)
        assert server.requests == []
    rules = JUDGES.load_entry(panel.folder / "judges.yaml", "rules")
    folder = panel.folder
    paths = AnswerPaths(
        *(folder / name for name in ("samples.parquet", "responses/model.parquet", "parsed/model.parquet"))
    )
    with rules.open(load_answers(paths), None) as judge:
        by_rules = [labels_of(row) for row in judge.rows()]
    assert [labels_of(panel.rows()[0, metric]) for metric in ("drf", "cr")] == by_rules


def test_the_leaderboard_counts_the_costs_of_a_panel_once(panel):
    write_answers(panel.folder, "other", [answers_of(0)])
    with FaultServer(answer=labelling(**SAME)) as server:
        panel.judge(server)
        panel.judge(server, model="other")
    tables = {
        ("panel", model): read_table(panel.folder / f"judgements/{model}.parquet", JUDGEMENTS)
        for model in ("model", "other")
    }
    costs = judge_costs(tables).set_index("metric")
    assert costs["calls"].to_dict() == {"drf": 2, "cr": 2}
    assert costs["usd"].to_dict() == pytest.approx({"drf": 2 * USD, "cr": 2 * USD})
    assert costs["judgements"].to_dict() == {"drf": 2, "cr": 2}


def test_a_judgement_that_the_rules_leave_unscored_is_unscored(panel, monkeypatch):
    """Without a list of claims there is nothing to vote on."""
    from spd_faith.judging.rules import Rules

    rows = Rules.rows

    def unread(self):
        for row in rows(self):
            yield row | {"score": None, "status": "unscored:language"} if row["metric"] == "drf" else row

    monkeypatch.setattr(Rules, "rows", unread)
    with FaultServer(answer=labelling(**SAME)) as server:
        panel.judge(server)
    assert {metric_of(request) for request in server.requests} == {"cr"}
    row = panel.rows()[0, "drf"]
    assert (row["status"], row["score"]) == ("unscored:language", None)


def test_the_limit_of_a_member_holds_over_the_panel_and_the_judge_alone(panel):
    with FaultServer(answer=labelling(**SAME)) as server:
        panel.judge(server, max_usd=1.0)
        write_pairs(panel.folder, 2)
        write_answers(panel.folder, "model", [answers_of(0), answers_of(1)])
        with pytest.raises(UserError, match="max_usd"):
            panel.judge(server, judge="one", max_usd=2 * USD + 0.0001)


# ---- the entry -------------------------------------------------------------------------------------------------------


def test_the_plan_counts_the_calls_of_each_member(panel):
    answers = [
        AnswerPaths(
            panel.folder / "samples.parquet",
            panel.folder / "responses/model.parquet",
            images=panel.folder / "images.parquet",
        )
    ]
    journal = panel.folder / "journal/judgements/panel"

    def planned():
        calls = panel.entry().planned_calls(journal, PROMPTS, answers, {"drf": 3, "cr": 3})
        return [(one.model, one.metric, one.calls, len(one.replies)) for one in calls]

    with FaultServer(answer=labelling(**SAME)) as server:
        panel.write(server)
        names = [(f"{name}-{metric}", metric) for name in ("one", "two") for metric in ("drf", "cr")]
        assert planned() == [(*name, 4, 0) for name in names]
        panel.judge(server)
    assert planned() == [(*name, 4, 1) for name in names]


def test_a_change_of_a_member_reruns_the_panel_and_a_label_does_not(panel):
    with FaultServer() as server:
        panel.write(server)
        before = identity(panel.entry())
        panel.write(server, label="Another name", concurrency=3)
        assert identity(panel.entry()) == before
        panel.write(server, max_new_tokens=100)
        assert identity(panel.entry()) != before
        panel.write(server, members=("rules", "one"))
        assert identity(panel.entry()) != before


def test_what_its_jobs_need_is_what_the_members_need(panel):
    with FaultServer() as server:
        panel.write(server, resources={"runtime": 100, "mem_mb": 5000, "partition": "long"}, images=None)
        entry = panel.entry()
        resources = entry.job_resources()
        assert (resources.runtime, resources.mem_mb, resources.partition) == (10 + 100 + 100, 5000, "long")
        assert not entry.needs_images
        panel.write(server)
        assert panel.entry().needs_images
    assert entry.input_files() == ["resources/prompts/panel_drf.txt", "resources/prompts/panel_cr.txt"]
    assert entry.input_modules() == []  # a changed rule costs nothing by itself
