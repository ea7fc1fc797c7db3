"""Fault injection: a thousand judgements, a fifth with a fault, are all made and paid for once, even after kills."""

import hashlib
import json
import random
import time
from collections import Counter

import pytest
from fault_server import FaultServer, broken_json, dripping, dropped, no_choices, reply, status
from judging.paid_judge import Judged, answers_of, honest, material, write_answers, write_pairs

PAIRS = 500
JUDGEMENTS = 2 * PAIRS
CONCURRENCY = 16
TIMEOUT = 20.0  # seconds, of which other calls need milliseconds
NUM_LATE = 4  # calls that take longer
PAID = {  # charged, although the reply is useless
    "schema-breaking": reply('{"claims": [{"quote": "The car", "label": "good"}], "score": 1}'),
    "empty": reply(""),
}
FREE = {
    "429": status(429, retry_after_ms="20"),
    "500": status(500),
    "slow": dripping(3 * TIMEOUT),  # the server counts an aborted call as no longer in flight
    "dropped": dropped,
    "malformed": broken_json,
    "no choices": no_choices,
}
FAULTS = FREE | PAID

pytestmark = pytest.mark.slow


class FaultyJudge:
    """Injects a fault into the first request for a fifth of the questions; counts complete replies."""

    def __init__(self):
        self.played = Counter()
        self.paid = Counter()
        self._seen = set()

    def __call__(self, request):
        messages = json.dumps(request.body["messages"])
        question = material(request)
        draw = int(hashlib.sha256(question.encode()).hexdigest(), 16)
        kind = list(FAULTS)[draw // 5 % len(FAULTS)] if draw % 5 == 0 and question not in self._seen else None
        self._seen.add(question)
        if kind == "slow" and self.played[kind] == NUM_LATE:
            kind = None
        if kind:
            self.played[kind] += 1
        if kind not in FREE:
            self.paid[messages] += 1
        return FAULTS.get(kind)


@pytest.fixture
def judged(tmp_path):
    write_pairs(tmp_path, PAIRS)
    write_answers(tmp_path, "model", [answers_of(number) for number in range(PAIRS)])
    return Judged(tmp_path)


def serve(judge):
    return FaultServer(judge, answer=honest, most_requests=2 * JUDGEMENTS)


def check_rows(judged):
    rows = judged.rows()
    assert len(rows) == JUDGEMENTS
    assert Counter(row["status"] for row in rows.values()) == {"ok": JUDGEMENTS}
    assert {row["score"] for (_, metric), row in rows.items() if metric == "drf"} == {1 / 2}
    assert {row["score"] for (_, metric), row in rows.items() if metric == "cr"} == {2 / 3}
    return rows


def test_every_judgement_is_made_and_paid_for_once(judged, short_waits):
    judge = FaultyJudge()
    with serve(judge) as server:
        judged.run(server, concurrency=CONCURRENCY, timeout=TIMEOUT)
        asked = len(server.requests)
        judged.run(server, concurrency=CONCURRENCY)
        assert len(server.requests) == asked
        assert server.most_in_flight <= CONCURRENCY
    rows = check_rows(judged)
    assert set(judge.played) == set(FAULTS) and 150 < judge.played.total() < 250
    assert set(judge.paid.values()) == {1}
    out_of_form = sum(judge.played[kind] for kind in PAID)
    assert judge.paid.total() == JUDGEMENTS + out_of_form == sum(row["calls"] for row in rows.values())
    assert asked == JUDGEMENTS + judge.played.total()


def test_a_kill_costs_at_most_the_calls_in_flight(judged):
    judge, moments = FaultyJudge(), random.Random(3)
    kills = 3
    with serve(judge) as server:
        for _ in range(kills):
            process = judged.start(server, concurrency=CONCURRENCY, timeout=TIMEOUT)
            before, wanted = len(server.requests), moments.randrange(100, 300)
            while len(server.requests) - before < wanted and process.poll() is None:
                time.sleep(0.002)
            assert process.poll() is None, "it ended by itself: " + process.stderr.read()
            process.kill()
            process.communicate()
            while server.in_flight:  # wait for the calls of the killed process to end
                time.sleep(0.05)
        judged.finish(judged.start(server, concurrency=CONCURRENCY, timeout=TIMEOUT))
        assert server.most_in_flight <= CONCURRENCY
    check_rows(judged)
    again = sum(times - 1 for times in judge.paid.values())
    assert again <= kills * CONCURRENCY
    assert max(judge.paid.values()) <= 1 + kills
