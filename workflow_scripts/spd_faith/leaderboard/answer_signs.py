"""Signs in the answers that call for a warning: unclear verdicts, unread languages, reasoning that is JSON alone."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.controls import without_controls
from spd_faith.judging.reasoning import entry_words
from spd_faith.language.lexicon import READ
from spd_faith.scoring.tallies import Entry

FRACTIONS = ("drf_json_only",)
"""The columns of `reasoning_signs` that hold fractions."""


def answer_signs(samples: pa.Table, parsed: Mapping[str, pa.Table]) -> pd.DataFrame:
    """One row per model, over the samples without controls; `parsed` is its PARSED table by model.

    Columns: model; n_unclear (unclear verdicts), n_unread (answers in a language that cannot be read), and
    unread_languages (these languages, most frequent first; empty if there are none).
    """
    rows = []
    for model, table in parsed.items():
        real = _of(samples, table).select(["verdict", "language"]).to_pandas()
        languages = real.loc[real["language"].notna() & (real["language"] != READ), "language"].value_counts()
        rows.append(
            {"model": model, "n_unclear": int((real["verdict"] == "unclear").sum()), "n_unread": int(languages.sum())}
            | {"unread_languages": ", ".join(languages.index)}
        )
    return pd.DataFrame(rows)


def reasoning_signs(
    samples: pa.Table, parsed: Mapping[str, pa.Table], judgements: Mapping[Entry, pa.Table]
) -> pd.DataFrame:
    """One row per (judge, model). Columns: judge, model, drf_json_only.

    That is the fraction of the descriptions with claims, over the samples without controls, whose claims rest on JSON
    alone: the answer has no prose, or each claim has the words of an entry of its list. NaN without such descriptions.
    """
    return pd.DataFrame(
        [
            {"judge": judge, "model": model, "drf_json_only": _json_only(samples, parsed[model], table)}
            for (judge, model), table in judgements.items()
        ]
    )


def _json_only(samples: pa.Table, parsed: pa.Table, judgements: pa.Table) -> float:
    answers = {row["sample_id"]: row for row in _of(samples, parsed.filter(pc.field("task") == "describe")).to_pylist()}
    judged = _of(samples, judgements.filter(pc.field("metric") == "drf")).select(["sample_id", "claims"])
    found = [_is_json(answers[row["sample_id"]], row["claims"]) for row in judged.to_pylist() if row["claims"]]
    return sum(found) / len(found) if found else float("nan")


def _is_json(answer: Mapping[str, Any], claims: list[dict[str, Any]]) -> bool:
    """`answer` is a row of PARSED."""
    entries = set(map(entry_words, answer["differences"]))
    has_no_prose = answer["has_structured_output"] and answer["language"] is None
    return has_no_prose or all(claim["text"] in entries for claim in claims)


def _of(samples: pa.Table, table: pa.Table) -> pa.Table:
    """The rows of a table of answers about samples that are no controls."""
    return table.filter(pc.is_in(table["sample_id"], without_controls(samples)["sample_id"].combine_chunks()))
