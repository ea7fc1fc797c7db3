"""What the words on the page mean, and how to look at one answer."""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from spd_faith.core.controls import without_controls
from spd_faith.leaderboard.metric_columns import Chosen, metric_meaning, sentence
from spd_faith.leaderboard.model import Code, Note, Section, Term, note
from spd_faith.leaderboard.reasoning_errors_section import error_terms
from spd_faith.leaderboard.row_cells import Row
from spd_faith.leaderboard.rows import LOWEST_RANKED_COVERAGE
from spd_faith.scoring.control_metrics import CONTROL_METRICS, LEAST_NAMED, Topic
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS

_EXPLAINED = (Topic.DETECTION, Topic.COUNTERFACTUAL)
_WORDS = {
    "Attention": "How much each token of the input, such as a part of an image, contributes to a state of the model. "
    "High attention on a place does not prove that the model uses it.",
    "Base pair": "The pair of the dataset that a control is made from.",
    "Blind": "A control: both images are plain grey. It shows what a model says without seeing anything.",
    "Bounds": "The lowest and the highest value possible if all pairs were scored. Shown below full coverage.",
    "Claim": "One statement of an answer about the images, such as “the clock was removed”. The judge labels each. "
    "A mere repetition is not a second claim; a further difference of the same kind is.",
    "Consistent, contradictory, ambiguous": "The labels of claims across the two yes/no answers: both say the same, "
    "both cannot be true, or one answer alone says it.",
    "Control": "A pair made from a pair of the dataset, for which the right answer is known. It is in no "
    "headline number.",
    "Coverage": f"The fraction of pairs that could be scored. Below {LOWEST_RANKED_COVERAGE:.0%} a row has no rank.",
    "Description": "The answer to “How many differences are there between the two pictures?”: reasoning, a number and "
    "a list in JSON.",
    "Faithful group, unfaithful group": "Probed pairs with a high and with a low DRF; probes compare them. The limits "
    "are in the config (probes).",
    "Faithful, unfaithful, unverifiable": "The labels of claims in a description: true, false, or about something that "
    "the truth does not state. Unverifiable claims are not in DRF.",
    "FFN": "Feed-forward network: the part of a layer that works on each token alone.",
    "Identical": "A control: the same image twice. A model that sees says that nothing differs.",
    "Image id": "The image that a pair is made from. Intervals resample image ids, because pairs of one image "
    "are alike.",
    "Interval": "95% interval: the range of the value over resampled sets of pairs. It says nothing about the "
    "errors of the judge.",
    "Judge": "Who labels the claims: rules, a language model, or several of these as a panel.",
    "Logit": "The score that a model gives to a possible next token, before it becomes a probability.",
    "n_pred, n_gt": "The number of differences that the model states, and the true number. In formulas, P is the list "
    "of the model, G the true one, and M the number of entries in both.",
    "Named": "A difference is named if the model's list has its type and its category. There is no cff under "
    f"{LEAST_NAMED} named differences.",
    "Null paste": "A control: a place where nothing differs is pasted from the original image. A stable model says the "
    "same as before.",
    "Pair": "Two almost identical images and the list of what differs between them; the unit of all numbers.",
    "Permuted truth": "A model's answers scored against the truths of other pairs: what it gets without looking.",
    "Probe": "A measurement inside an open-weight model while it answers.",
    "Rank interval": "The ranks that a model may have by its significant differences to others, such as 2–3.",
    "Significant": "A difference that would be this large by chance in at most 5 of 100 cases (p ≤ 0.05), after Holm's "
    "correction for the number of comparisons.",
    "Split": "A part of the dataset, such as easy or multi_diff. Intervals resample images within splits.",
    "Swapped": "A control: the modified image comes first. A model that compares the images says the same things.",
    "TAM": "Token activation map: which image tokens a word of the answer is related to, by the logits of the model.",
    "Token": "The unit that models read and write: a piece of a word, or a patch of an image.",
    "Type, category": "What happened to an object (color, remove, position), and which object it is (clock, dog).",
    "Undone": "A control: one difference of a pair is undone. A faithful model stops naming that one, and no other.",
    "Verdict": "What an answer to “Are the two pictures the same?” or “Are the two pictures different?” says: the pair "
    "differs, it is the same, or unclear.",
}
"""Words of the page that nothing declares, each with a definition in one to three sentences."""


def glossary(chosen: Chosen) -> dict[str, str]:
    """The words above, and the metrics and errors as they are declared, in alphabetical order."""
    metrics = {METRICS[name].label: metric_meaning(name, chosen) for name in HEADLINE_AND_OVERALL}
    controls = {one.label: sentence(one.definition) for one in CONTROL_METRICS.values() if one.topic in _EXPLAINED}
    terms = _WORDS | metrics | controls | error_terms()
    return {term: terms[term] for term in sorted(terms, key=str.lower)}


def glossary_section(chosen: Chosen) -> Section:
    """A paragraph per term."""
    terms = glossary(chosen)
    return Section("Glossary", tuple(note(Term(term), f": {text}") for term, text in terms.items()), "glossary")


def one_answer_section(samples: pa.Table, live: Sequence[Row]) -> Section:
    """How to find the images, the answers, the claims and their labels of one pair."""
    return Section("How to look at one answer", tuple(_one_answer(samples, live[0])), "one_answer")


def _one_answer(samples: pa.Table, row: Row) -> Iterator[Note]:
    sample = str(without_controls(samples)["sample_id"][0])
    yield note(
        "On the HTML page, the section “Samples” has both images, the true differences, and each model's answers with "
        "their claims. ",
        Code("python workflow_scripts/draw_samples.py --help"),
        " says how to make such a page of any other pairs.",
    )
    yield note(
        "In Python, in the folder of this page (after ",
        Code("import pandas as pd"),
        "), a pair has the same ",
        Code("sample_id"),
        " in all tables:",
    )
    where = f'.query("sample_id == {sample!r}").to_dict("records")'
    tables = {
        "What differs": "samples.parquet",
        "The three answers": f"responses/{row['model']}.parquet",
        "What was read from them": f"parsed/{row['model']}.parquet",
        "The claims and their labels": f"judgements/{row['judge']}/{row['model']}.parquet",
        "The scores": f"scores/{row['judge']}/{row['model']}.parquet",
    }
    for title, path in tables.items():
        yield note(f"{title}: ", Code(f'pd.read_parquet("{path}"){where}'))
    yield note("Columns and further tables: results/README.md.")
