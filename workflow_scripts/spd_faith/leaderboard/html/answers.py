"""The answers of one model about chosen samples, with what the parser and the judges say of them, as data of a page.

Arrays have fixed places, which resources/pages/samples.js names, too; texts are numbers in a pool of the page.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.controls import is_control
from spd_faith.core.files import read_provenance, read_table
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import ERROR_TYPES, INVENTED, JUDGEMENTS, PARSED, RESPONSES, TASKS, TASKS_OF
from spd_faith.judging.reasons import Reasons, stored_reasons
from spd_faith.judging.truth import read_truth
from spd_faith.language.objects import find_objects
from spd_faith.leaderboard.html.maps import answer_maps
from spd_faith.leaderboard.html.quotes import QuotedAnswer
from spd_faith.probes.token_activation_map import TokenActivationMap
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL
from spd_faith.scoring.tables import SCORES

Row = Mapping[str, Any]


class Texts(Protocol):
    """The page's texts, which the data name by number."""

    def number(self, value: str) -> int: ...


_ANSWER_COLUMNS = [
    *("sample_id", "task", "response_text", "reasoning_text", "finish_reason", "generated_tokens", "failure", "error")
]
_JUDGEMENT_COLUMNS = [
    "sample_id",
    "metric",
    "claims",
    "score",
    "judge_score",
    "question_sha",
    "cut_characters",
    "status",
]

# ---- what a page can filter by ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flag:
    """Something that a reader looks for among the answers of a model about a sample."""

    label: str
    group: str
    """The filter that offers it: error, failure or disagreement."""
    is_marked: bool = True
    """Whether it counts among the signs beside a sample; not if others say more of the same."""


FLAGS = {
    "unfaithful": Flag("an unfaithful claim", "error", is_marked=False),
    "contradictory": Flag("a contradictory claim", "error"),
    **{error: Flag(error.replace("_", " "), "error") for error in ERROR_TYPES},
    "missed": Flag("a true difference is not named", "error"),
    "wrong_verdict": Flag("a wrong verdict", "error"),
    "unclear": Flag("an unclear verdict", "error"),
    INVENTED: Flag("a claim that the judge invented", "error"),
    "model": Flag("the model gave no answer", "failure"),
    "transport": Flag("no server replied", "failure"),
    "unparsed": Flag("the list cannot be parsed", "failure"),
    "unscored": Flag("a judge left it unscored", "failure"),
    "disagree": Flag("judges disagree", "disagreement"),
}
"""In the order of the bits of a record's `f`."""


# ---- the rows of a model ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModelRows:
    """The rows of a model about chosen samples; a table that does not exist has none."""

    answers: Mapping[tuple[str, str], Row]  # by sample and task
    parsed: Mapping[tuple[str, str], Row]
    judgements: Sequence[Mapping[tuple[str, str], Row]]  # of each judge, by sample and metric
    scores: Sequence[Mapping[str, Row]]  # of each judge, by sample
    votes: Sequence[Mapping[str, Mapping[str, Sequence[Sequence[str] | None]]]]  # of each panel, by sample and metric
    maps: Mapping[str, Mapping[int, Any]]


def read_model(
    paths: ResultPaths, model: str, judges: Collection[str], ids: Collection[str], grids: Callable[[Any], int]
) -> ModelRows:
    """The rows of a model about the samples `ids`. Raises `UserError` for a table that does not fit its schema."""
    judged = [
        _by(rows_about(paths.judgements(judge, model), JUDGEMENTS, _JUDGEMENT_COLUMNS, ids), "sample_id", "metric")
        for judge in judges
    ]
    scored = [
        rows_about(paths.scores(judge, model), SCORES, ["sample_id", *HEADLINE_AND_OVERALL, "named"], ids)
        for judge in judges
    ]
    return ModelRows(
        answers=_by(rows_about(paths.responses(model), RESPONSES, _ANSWER_COLUMNS, ids), "sample_id", "task"),
        parsed=_by(rows_about(paths.parsed(model), PARSED, PARSED.names, ids), "sample_id", "task"),
        judgements=judged,
        scores=[{row["sample_id"]: row for row in rows} for rows in scored],
        votes=[_votes(paths.judgements(judge, model)) for judge in judges],
        maps=answer_maps(TokenActivationMap.path_in(paths.probes(model)), ids, grids),
    )


def reasons_of(paths: ResultPaths, judges: Sequence[str], models: Sequence[ModelRows]) -> list[dict[str, Reasons]]:
    """The reasons of each judge for what it says of these models, by `question_sha`."""
    judged = [[row for one in models for row in one.judgements[place].values()] for place in range(len(judges))]
    journals = map(paths.judgement_journal, judges)
    return [stored_reasons(of_judge, journal) for of_judge, journal in zip(judged, journals, strict=True)]


def rows_about(path: Path, schema: pa.Schema, columns: Sequence[str], ids: Collection[str]) -> list[dict[str, Any]]:
    """The rows of a table about these samples; none if there is no table."""
    if not path.exists():
        return []
    table = read_table(path, schema, list(columns))
    return table.filter(pc.field("sample_id").isin(pa.array(list(ids), pa.string()))).to_pylist()


def _by(rows: Sequence[Row], *key: str) -> dict[tuple[str, str], Row]:
    return {(row[key[0]], row[key[1]]): row for row in rows}


def _votes(path: Path) -> Mapping[str, Any]:
    """The labels of each member of a panel, as `judging/panel.py` records them."""
    votes: Mapping[str, Any] = read_provenance(path).get("votes", {}) if path.exists() else {}
    return votes


# ---- the record of a model about a sample ----------------------------------------------------------------------------


class Truth:
    """The true differences of a sample, and which of them a text is about."""

    def __init__(self, sample: Row) -> None:
        self._alone = [read_truth({**sample, "differences": [one]}) for one in sample["differences"]]

    def about(self, *texts: str | None) -> list[int]:
        """The numbers of the differences whose objects the texts name; of several, those that a text names first."""
        names = [name for text in texts if text for name in _objects(text)]
        return [number for number, one in enumerate(self._alone) if any(map(one.of, names))]


@lru_cache(maxsize=1 << 15)  # small models repeat themselves
def _objects(text: str) -> tuple[str, ...]:
    return tuple(mention.value for mention in find_objects(text[:_MAX_CLAIM]))


_MAX_CLAIM = 2000  # characters that are searched for objects


class RecordBuilder:
    """Builds the records of one sample; their texts go to `texts`. `reasons` are those of each judge."""

    def __init__(self, sample: Row, texts: Texts, reasons: Sequence[Mapping[str, Reasons]]) -> None:
        self.sample = sample
        self.truth = Truth(sample)
        self._texts = texts
        self._reasons = reasons

    def pool(self, text: str | None) -> int | None:
        return None if text is None else self._texts.number(text)

    def record(self, rows: ModelRows) -> dict[str, Any] | None:
        """What a model says about the sample; None if it was asked nothing.

        a: the answers, in the order of `TASKS`; p: [stated count, listed entries]; n: whether each true difference of
        the base pair is named; j: what each judge says; m: the activation maps; f: the bits of `FLAGS`; d: the largest
        difference between the scores of two judges.
        """
        sample_id = self.sample["sample_id"]
        answers = [rows.answers.get((sample_id, task)) for task in TASKS]
        if not any(answers):
            return None
        parsed = [rows.parsed.get((sample_id, task)) for task in TASKS]
        judged = [self._judged(rows, judge, answers) for judge in range(len(rows.judgements))]
        spread = _spread(rows, sample_id)
        flags = self._flags(rows, answers, parsed, judged, spread)
        scores = next((scores[sample_id] for scores in rows.scores if sample_id in scores), {})
        record = {
            "a": [self._answer(*one) for one in zip(answers, parsed, strict=True)],
            "p": self._listed(parsed[0]),
            "n": scores.get("named"),
            "j": judged,
            "m": rows.maps.get(sample_id),
            "f": sum(1 << bit for bit, name in enumerate(FLAGS) if name in flags),
            "d": spread,
        }
        return {key: value for key, value in record.items() if value not in (None, 0)}

    def _answer(self, answer: Row | None, parsed: Row | None) -> list[Any] | None:
        """[text, parse status, verdict, failure, error, finish reason, reasoning, tokens, language], cut at the end."""
        if answer is None:
            return None
        read: Row = parsed or dict.fromkeys(("parse_status", "verdict", "language"))
        found = [
            self.pool(answer["response_text"]),
            self.pool(read["parse_status"]),
            self.pool(read["verdict"]),
            *(self.pool(answer[name]) for name in ("failure", "error", "finish_reason", "reasoning_text")),
            answer["generated_tokens"],
            self.pool(read["language"]),
        ]
        return _trimmed(found)

    def _listed(self, parsed: Row | None) -> list[Any] | None:
        """[stated count, entries], an entry being its [type, object] as read, or as written if it cannot be read."""
        if parsed is None:
            return None
        entries = [
            [self.pool(one[name] or one[f"raw_{name}"]) for name in ("type", "category")]
            for one in parsed["differences"]
        ]
        return [parsed["predicted_num"], entries]

    def _judged(self, rows: ModelRows, judge: int, answers: Sequence[Row | None]) -> dict[str, Any] | None:
        """A judge's headline scores, then by metric [score, status, claims, the judge's own score, cut characters]."""
        sample_id = self.sample["sample_id"]
        scores = rows.scores[judge].get(sample_id, {})
        found = {
            metric: self._judgement(rows, judge, row, answers)
            for metric in TASKS_OF
            if (row := rows.judgements[judge].get((sample_id, metric)))
        }
        if not scores and not found:
            return None
        return {"s": [_rounded(scores.get(name)) for name in HEADLINE_AND_OVERALL], **found}

    def _judgement(self, rows: ModelRows, judge: int, row: Row, answers: Sequence[Row | None]) -> list[Any]:
        sample_id, metric = row["sample_id"], row["metric"]
        quoted = {
            TASKS.index(task): QuotedAnswer(answer["response_text"])
            for task in TASKS_OF[metric]
            if (answer := answers[TASKS.index(task)])
        }
        reasons = self._reasons[judge].get(row["question_sha"], {})
        votes = rows.votes[judge].get(sample_id, {}).get(metric, [])
        claims = [self._claim(claim, quoted, reasons) for claim in row["claims"]]
        for number, claim in enumerate(claims[: _voted(votes)]):
            claim["v"] = [None if vote is None else self.pool(vote[number]) for vote in votes]
        judgement = [_rounded(row["score"]), self.pool(row["status"]), claims]
        return _trimmed([*judgement, _rounded(row["judge_score"]), row["cut_characters"] or None])

    def _claim(self, claim: Row, quoted: Mapping[int, QuotedAnswer], reasons: Reasons) -> dict[str, Any]:
        """l: label; e: error type; q: the quotes, each [task, start, end] or the number of a text that is nowhere.

        d: the true differences that it is about; r: the judge's reason; y, z: mean and spread of repeated judgements;
        v: the labels of a panel's members.
        """
        texts = [claim["text"], *([claim["other_text"]] if claim["other_text"] else [])]
        found = {
            "l": self.pool(claim["label"]),
            "e": self.pool(claim["error_type"]),
            "q": [self._quote(text, number, len(texts), quoted) for number, text in enumerate(texts)],
            "d": self.truth.about(*texts) or None,
            "r": self.pool(reasons.get((claim["text"], claim["other_text"]))),
            "y": _rounded(claim["mean"]),
            "z": _rounded(claim["spread"]),
        }
        return {key: value for key, value in found.items() if value is not None}

    def _quote(self, text: str, number: int, texts: int, quoted: Mapping[int, QuotedAnswer]) -> list[int] | int | None:
        """The `number`th of a claim's `texts`. Two quote the answers in order, one alone may quote either."""
        tasks = list(quoted)[number : number + 1] if texts > 1 and len(quoted) > 1 else list(quoted)
        for task in tasks:
            if place := quoted[task].place(text):
                return [task, *place]
        return self.pool(text)

    def _flags(
        self,
        rows: ModelRows,
        answers: Sequence[Row | None],
        parsed: Sequence[Row | None],
        judged: Sequence[Mapping[str, Any] | None],
        spread: float | None,
    ) -> set[str]:
        """The names of `FLAGS` that apply."""
        sample_id = self.sample["sample_id"]
        judgements = [
            row for rows_of in rows.judgements for metric in TASKS_OF if (row := rows_of.get((sample_id, metric)))
        ]
        claims = [claim for row in judgements for claim in row["claims"]]
        verdicts = {row["verdict"] for row in parsed if row}
        named = next((scores[sample_id]["named"] for scores in rows.scores if sample_id in scores), None)
        flags = {claim[kind] for claim in claims for kind in ("label", "error_type")}
        flags |= {answer["failure"] for answer in answers if answer}
        flags |= {"unclear"} & verdicts
        described = parsed[TASKS.index("describe")]
        tests = {
            "missed": named is not None and False in named and not is_control(self.sample),
            "wrong_verdict": _wrong_verdict(self.sample) in verdicts,
            "unparsed": described is not None and described["parse_status"] == "failed",
            "unscored": any(row["status"].startswith("unscored") for row in judgements),
            "disagree": bool(spread) or _members_disagree(judged),
        }
        return flags | {name for name, applies in tests.items() if applies}


def _trimmed(values: list[Any]) -> list[Any]:
    while values and values[-1] is None:
        values.pop()
    return values


def _rounded(number: float | None) -> float | None:
    return None if number is None or number != number else round(number, 4)


def _wrong_verdict(sample: Row) -> str | None:
    """The verdict that the truth of a pair excludes; None if nothing is known."""
    if sample["differences"]:
        return "same"
    return "differs" if is_control(sample) and sample["control"] != "blind" else None


def _voted(votes: Sequence[Sequence[str] | None]) -> int:
    """How many claims a panel's members labelled."""
    return max((len(vote) for vote in votes if vote is not None), default=0)


def _spread(rows: ModelRows, sample_id: str) -> float | None:
    """The largest difference between the scores that two judges give; None below two scores."""
    spreads = []
    for metric in TASKS_OF:
        scores = [row["score"] for of_judge in rows.judgements if (row := of_judge.get((sample_id, metric)))]
        known = [score for score in scores if score is not None]
        if len(known) > 1:
            spreads.append(max(known) - min(known))
    return _rounded(max(spreads, default=0.0)) if spreads else None


def _members_disagree(judged: Sequence[Mapping[str, Any] | None]) -> bool:
    """Whether repeated judgements, or the members of a panel, label a claim differently."""
    claims = [claim for one in judged if one for metric in TASKS_OF if metric in one for claim in one[metric][2]]
    return any(claim.get("z") or len({*claim.get("v", [])} - {None}) > 1 for claim in claims)
