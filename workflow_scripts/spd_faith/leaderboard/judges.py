"""The judges of a run: their cost and their failures."""

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from spd_faith.core.schemas import UNJUDGED
from spd_faith.scoring.tallies import Entry

UNSCORED = "unscored:"
_SAME_SCORE = 0.005  # a printed score this close is the labels' score, rounded


def judge_costs(judgements: Mapping[Entry, pa.Table]) -> pd.DataFrame:
    """One row per judge, metric and model that judged, over all samples, controls included.

    Columns: judge, metric, judge_model (as the endpoint reports it), judgements, calls, usd (NaN if the price is
    unknown) and seconds per call. Calls, cost and time count identical questions once, as they are paid for, even if
    they come from answers of several models.
    """
    columns = ["metric", "judge_model", "question_sha", "calls", "usd", "seconds", "status"]
    frames = [table.select(columns).to_pandas().assign(judge=judge) for (judge, _), table in judgements.items()]
    rows = pd.concat(frames, ignore_index=True)
    rows = rows[~rows["status"].isin(UNJUDGED)]
    groups = ["judge", "metric", "judge_model"]
    paid = rows.dropna(subset="question_sha").drop_duplicates(["judge", "question_sha"]).groupby(groups)
    costs = rows.groupby(groups).size().to_frame("judgements")
    costs["calls"] = paid["calls"].sum()
    costs["usd"] = paid["usd"].sum(min_count=1)
    costs["seconds"] = paid["seconds"].sum() / paid["calls"].sum()
    return costs.fillna({"calls": 0}).astype({"calls": int}).reset_index()


def judge_totals(costs: pd.DataFrame) -> pd.DataFrame:
    """By judge, over its metrics: judge_models, judge_calls, judge_usd, judge_seconds (per call)."""
    by_judge = costs.assign(all_seconds=costs["seconds"] * costs["calls"]).groupby("judge")
    calls = by_judge["calls"].sum()
    columns = {
        "judge_models": by_judge["judge_model"].agg(lambda names: ", ".join(sorted(set(names)))),
        "judge_calls": calls,
        "judge_usd": by_judge["usd"].sum(min_count=1),
        "judge_seconds": by_judge["all_seconds"].sum(min_count=1) / calls,
    }
    return pd.DataFrame(columns)


def judge_failures(judgements: Mapping[Entry, pa.Table]) -> pd.DataFrame:
    """One row per judge and model: invented claims, printed scores that differ from the labels', truncated answers, and
    judgements without a score by reason (columns `unscored:<reason>` for the reasons that occur).
    """
    rows = []
    for (judge, model), table in judgements.items():
        frame = table.drop_columns(["claims"]).to_pandas()
        unscored = frame.loc[frame["status"].str.startswith(UNSCORED), "status"].value_counts()
        differ = (frame["judge_score"] - frame["score"]).abs() > _SAME_SCORE
        counts = {"invented": frame["n_invented"].sum(), "differing": differ.sum()}
        cut = {"cut": (frame["cut_characters"] > 0).sum()}
        rows.append({"judge": judge, "model": model} | counts | cut | unscored.to_dict())
    found = pd.DataFrame(rows).fillna(0)
    names = ["judge", "model", "invented", "differing", "cut"]
    reasons = sorted(set(found.columns) - set(names))
    return found[names + reasons].astype(dict.fromkeys([*names[2:], *reasons], int))
