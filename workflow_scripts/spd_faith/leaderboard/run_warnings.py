"""The warnings above the table: one per kind of problem, for all models that have it. Thresholds: docs/metrics.md."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import pandas as pd
import pyarrow as pa

from spd_faith.core.controls import without_controls
from spd_faith.core.schemas import TASKS
from spd_faith.core.statistics import LEAST_CLUSTERS
from spd_faith.leaderboard.failures_section import failed_questions
from spd_faith.leaderboard.judges import UNSCORED
from spd_faith.leaderboard.model import Code, Note, counted, warning
from spd_faith.leaderboard.row_cells import Row, rows_by_model
from spd_faith.scoring.aggregate import Aggregate

MOST = 0.05
"""The fraction of a model's answers above which a problem is a warning."""
MOST_UNREAD = 0.005
"""The same for answers in a language that cannot be read: few enough to warn before they cost the rank."""
_LISTED = 3  # models that a warning names


def run_warnings(
    live: Sequence[Row], judge_failures: pd.DataFrame, aggregate: Aggregate, samples: pa.Table
) -> Iterator[Note]:
    """The warnings of a run. `live` has the columns of failed answers, of `answer_signs` and of `reasoning_signs`."""
    models = rows_by_model(live)
    return chain(
        _no_replies(models),
        _unsupported(models),
        _unscored(live, judge_failures),
        _few_images(aggregate, samples),
        _failed_descriptions(models),
        _no_answers(models),
        _cut(models),
        _unclear(models),
        _unread(models),
        _json_only(live),
    )


def listing(items: Sequence[str]) -> str:
    """The first of `items`, and how many there are more."""
    more = [f"and {len(items) - _LISTED} more"] if len(items) > _LISTED else []
    return ", ".join([*items[:_LISTED], *more])


# ---- questions and judgements without a result -----------------------------------------------------------------------


def _no_replies(models: Sequence[Row]) -> Iterator[Note]:
    """Names the models with questions that got no reply, and what asks these again."""
    if failed := [row for row in models if row["transport_failures"]]:
        counts = listing([f"{row['label']}: {row['transport_failures']}" for row in failed])
        targets = " ".join(row["ask_again"].removeprefix("--forcerun ") for row in failed[:_LISTED])
        yield warning(
            f"Questions got no reply after all attempts ({counts}). They are not scored. To ask only these again, "
            "repeat the snakemake command with ",
            Code(f"--forcerun {targets}"),
            "; for the other models, with `ask_again` of leaderboard.csv." if len(failed) > _LISTED else ".",
        )


def _unsupported(models: Sequence[Row]) -> Iterator[Note]:
    if reasons := [f"{row['label']}: {row['unsupported']}" for row in models if pd.notna(row["unsupported"])]:
        yield warning(
            f"Unsupported: an intervention has no place in its model ({listing(reasons)}). Its questions were not "
            "asked, so it has no values, and asking again changes nothing. Change ",
            Code("intervention"),
            " in its entry, or leave it out.",
        )


def _unscored(live: Sequence[Row], failures: pd.DataFrame) -> Iterator[Note]:
    """Counts the judgements without a score by reason, for the models that have some."""
    reasons = [name for name in failures.columns if name.startswith(UNSCORED)]
    found = {(row["judge"], row["model"]): row for row in failures.to_dict("records")}
    items = []
    for row in live:
        counts = {name: found[row["judge"], row["model"]][name] for name in reasons}
        if any(counts.values()):
            listed = " + ".join(f"{n} {name}" for name, n in counts.items() if n)
            items.append(f"{row['label']}, judged by {row['judge_label']}: {listed}")
    if items:
        yield warning(
            f"Judgements have no score, DRF and CR together ({listing(items)}). They lower the coverage, and bounds "
            "show how far they could move the values. The log of judge_responses has the replies; a rerun judges "
            "only these again once their cause is fixed."
        )


# ---- few pairs -------------------------------------------------------------------------------------------------------


def _few_images(aggregate: Aggregate, samples: pa.Table) -> Iterator[Note]:
    """Few images in all, or in some splits."""
    if (total := aggregate.num_clusters) < LEAST_CLUSTERS:
        yield warning(
            f"The run has only {counted(total, 'image id')}: the intervals are too narrow, and models are not tested. "
            "Evaluate on more pairs before you compare models."
        )
    elif aggregate.merged_splits:
        merged = "; ".join(" + ".join(splits) for splits in aggregate.merged_splits)
        images = without_controls(samples).select(["split", "image_id"]).to_pandas().drop_duplicates()
        small = [f"{split}: {n}" for split, n in images["split"].value_counts().items() if n < LEAST_CLUSTERS]
        yield warning(
            f"Splits with under {LEAST_CLUSTERS} image ids are merged for the intervals: {merged}. Do not compare "
            f"models on the small ones alone ({listing(small)})."
        )


# ---- answers that say little -----------------------------------------------------------------------------------------


def _rates(rows: Sequence[Row], part: Callable[[Row], float], whole: Callable[[Row], float], most: float) -> str:
    """The models with more than the fraction `most`, the worst first, with their percentage; "" without any."""
    found = [(part(row) / whole(row), part(row), whole(row), row) for row in rows if part(row) > most * whole(row)]
    found.sort(key=lambda one: -one[0])
    return listing([f"{row['label']}: {rate:.0%}, {n:.0f} of {of:.0f}" for rate, n, of, row in found])


def _pairs(row: Row) -> float:
    return float(row["n"])


def _questions(row: Row) -> float:
    return float(len(TASKS) * row["n"])


def _failed_descriptions(models: Sequence[Row]) -> Iterator[Note]:
    if listed := _rates(models, lambda row: row["n_failed"], _pairs, MOST):
        yield warning(
            f"Many descriptions name no difference that can be read ({listed}). They score 0, so these models may see "
            "more than the table shows. Read some of these answers (parse status “failed”)."
        )


def _no_answers(models: Sequence[Row]) -> Iterator[Note]:
    if listed := _rates(models, lambda row: failed_questions(row, "model"), _questions, MOST):
        yield warning(
            f"Many answers are empty or withheld ({listed}). They score 0. Check the model's prompt format, its filter "
            "and max_new_tokens before you call it a bad model."
        )


def _cut(models: Sequence[Row]) -> Iterator[Note]:
    if listed := _rates(models, lambda row: failed_questions(row, "cut"), _questions, MOST):
        yield warning(
            f"Many answers reached the limit on generated tokens ({listed}). What they would have said later is "
            "missing. Raise the model's max_new_tokens and ask again."
        )


def _unclear(models: Sequence[Row]) -> Iterator[Note]:
    if listed := _rates(models, lambda row: row["n_unclear"], lambda row: 2 * row["n"], MOST):
        yield warning(
            f"Many verdicts are unclear ({listed}). Each counts as not seen in DS and as not consistent in CR. Read "
            "some of these answers: a model may answer in another form than yes or no."
        )


def _unread(models: Sequence[Row]) -> Iterator[Note]:
    answers = [row | {"label": f"{row['label']} in {row['unread_languages']}"} for row in map(dict, models)]
    if listed := _rates(answers, lambda row: row["n_unread"], _questions, MOST_UNREAD):
        yield warning(
            f"Answers are in a language that is not read ({listed}). Their verdicts, and with the judge rules their "
            "reasoning, are not scored, which lowers the coverage. Ask for English answers, or use a language model as "
            "the judge."
        )


def _json_only(live: Sequence[Row]) -> Iterator[Note]:
    rows = [dict(row) for row in live]
    if len({row["judge"] for row in rows}) > 1:
        rows = [row | {"label": f"{row['label']}, judged by {row['judge_label']}"} for row in rows]
    found = sorted((row for row in rows if row["drf_json_only"] > MOST), key=lambda row: -row["drf_json_only"])
    if found:
        listed = listing([f"{row['label']}: {row['drf_json_only']:.0%}" for row in found])
        yield warning(
            f"DRF rests on JSON alone in many descriptions ({listed}). Their list is judged in place of reasoning, so "
            "DRF measures there what PF1 measures. Do not compare it with the DRF of models that reason in prose."
        )
