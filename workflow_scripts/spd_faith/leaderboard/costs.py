"""What the answers of each model cost, and what it cost to judge them."""

from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow as pa

from spd_faith.core.schemas import UNJUDGED
from spd_faith.leaderboard.model import COUNT, DOLLARS, NUMBER, Column, Group, Section, Table, note, value_cell
from spd_faith.leaderboard.row_cells import MODEL_AND_JUDGE, Row, model_and_judge
from spd_faith.scoring.tallies import Entry

_IMAGES = ["original_sha256", "modified_sha256"]
IMAGE_COLUMNS = ["sample_id", *_IMAGES]
_SUMS = ("prompt_tokens", "generated_tokens", "seconds", "usd")
_NAMES = {"seconds": "answer_seconds", "usd": "model_usd"}

COSTS = (
    *("questions_asked", "prompt_tokens", "generated_tokens"),
    *("seconds_per_answer", "answer_seconds", "model_usd"),
)
"""The columns of `model_costs` after the model."""
_COLUMNS = {
    "questions_asked": Column(
        "Questions asked",
        COUNT,
        "Different questions about all pairs, controls included. Equal images with an equal prompt are asked once.",
    ),
    "prompt_tokens": Column(
        "Prompt tokens", COUNT, "Tokens of the questions, images included, over all answers. “–” if not reported."
    ),
    "generated_tokens": Column(
        "Generated tokens",
        COUNT,
        "Tokens of the answers, reasoning included. Fewer are cheaper. “–” if not reported.",
    ),
    "seconds_per_answer": Column(
        "Seconds per answer",
        NUMBER,
        "The mean time of an answer. In a batch it is the batch's time divided by its size; from a server, the time "
        "from the last attempt to the reply. Lower is faster. “–” for answers made elsewhere.",
    ),
    "answer_seconds": Column(
        "Seconds",
        COUNT,
        "The sum over the answers. Calls to a server run in parallel, so the sum exceeds the elapsed time. Loading "
        "the model is not included. “–” for answers made elsewhere.",
    ),
    "model_usd": Column(
        "US$",
        DOLLARS,
        "What the answers cost at the price in the config, without failed calls. Lower is cheaper. “–” without "
        "a price.",
    ),
    "calls_to_judge": Column(
        "Judge calls", COUNT, "Replies of the judge about this model's answers, controls included. 0: it runs offline."
    ),
    "usd_to_judge": Column(
        "Judge US$",
        DOLLARS,
        "What these calls cost. A call about answers of several models is paid once, and is in the row of each. Lower "
        "is cheaper. “–” without a price or without calls.",
    ),
}


def model_costs(images: pa.Table, answers: Mapping[str, pa.Table]) -> pd.DataFrame:
    """One row per model, over all questions that were asked, controls included.

    `images` has IMAGE_COLUMNS, `answers` the responses by model. Questions with equal prompts and images are one, as
    they are asked once. Columns: model, questions_asked, prompt_tokens, generated_tokens, answer_seconds,
    seconds_per_answer and model_usd; NaN if unknown.
    """
    pairs = images.select(IMAGE_COLUMNS).to_pandas()
    rows = []
    for model, table in answers.items():
        asked = table.to_pandas().query("failure != 'not_asked'")
        imported = asked[asked["prompt_sha"] == ""]  # which questions led to them is unknown
        own = asked[asked["prompt_sha"] != ""].merge(pairs, on="sample_id", how="left", validate="many_to_one")
        own = own.drop_duplicates(["task", "prompt_sha", *_IMAGES])
        sums = {_NAMES.get(name, name): own[name].astype(float).sum(min_count=1) for name in _SUMS}
        row = {"model": model, "questions_asked": len(own) + len(imported), **sums}
        rows.append(row | {"seconds_per_answer": own["seconds"].mean()})
    return pd.DataFrame(rows)


def judging_costs(judgements: Mapping[Entry, pa.Table]) -> pd.DataFrame:
    """One row per (judge, model), over all samples: calls_to_judge and usd_to_judge (NaN if unknown).

    Identical questions about one model's answers count once. Questions that answers of several models lead to are in
    the row of each, so the sum can exceed what was paid (`judge_costs`).
    """
    rows = []
    for (judge, model), table in judgements.items():
        frame = table.select(["question_sha", "calls", "usd", "status"]).to_pandas()
        paid = frame[~frame["status"].isin(UNJUDGED)].dropna(subset="question_sha").drop_duplicates("question_sha")
        calls, usd = int(paid["calls"].sum()), paid["usd"].astype(float).sum(min_count=1)
        rows.append({"judge": judge, "model": model, "calls_to_judge": calls, "usd_to_judge": usd})
    return pd.DataFrame(rows)


def costs_section(live: Sequence[Row]) -> Section:
    """A row per model and judge; `live` has the columns of `model_costs` and `judging_costs`."""
    rows = ((*model_and_judge(row), *(value_cell(row[name]) for name in _COLUMNS)) for row in live)
    about = note(
        "The cost of the stored answers. Failed calls and earlier generations are not included, but the limit on costs "
        "(max_usd) counts them. The total cost of each judge is in the section “Judges”.",
    )
    table = Table("cost", (*MODEL_AND_JUDGE, *_COLUMNS.values()), tuple(rows), Group.COST)
    return Section("Cost", (about, table))
