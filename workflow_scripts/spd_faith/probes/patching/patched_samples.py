"""Measure the image effects of a sample's differences, and what copied states move of them."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from PIL.Image import Image

from spd_faith.dataset.controlled_pair import BasePair
from spd_faith.dataset.encoded_images import decode
from spd_faith.inference.model_parts import decoder_layers
from spd_faith.inference.questions import Question, QuestionId, read_questions
from spd_faith.probes.passes import Unmeasured, failed
from spd_faith.probes.patching.base_run import PatchingUnsupported
from spd_faith.probes.patching.patched_runs import Patch, PatchedRuns, teacher_forced
from spd_faith.probes.patching.said import Said, said
from spd_faith.probes.prepared import AnsweredPrompt, AnsweredPrompts, prepare_answered
from spd_faith.probes.probe import ModelRun
from spd_faith.probes.tables import DIRECTIONS
from spd_faith.probes.token_sets import TOKEN_SETS, token_sets

Row = dict[str, Any]

log = logging.getLogger(__name__)

_CHANGED = 0  # row of the batch; the undone pairs follow


def measure_samples(of: ModelRun, task: str) -> Iterator[list[Row]]:
    """The rows of each chosen sample in turn, from its answer to `task`; one row says why if it cannot be measured.

    An error of one sample does not affect the others.
    """
    asked = [QuestionId(sample_id, task) for sample_id in of.sample_ids]
    for question in read_questions(of.images, asked, of.prompts):
        common = {"sample_id": question.sample_id, "dtype": of.checkpoint.dtype, "status": "ok"}
        found = _outcome(of, question)
        if isinstance(found, Unmeasured):
            yield [common | {"status": found.status, "error": found.error}]
        else:
            yield [common | row for row in found]


def _outcome(of: ModelRun, question: Question) -> list[Row] | Unmeasured:
    dtype = of.checkpoint.dtype
    if of.checkpoint.entry.intervention is not None:
        return Unmeasured(dtype, "unsupported", "the model has an intervention")
    if not of.answers[question.id].token_ids:
        return Unmeasured(dtype, "no_answer")
    if not any(one["bbox"] for one in of.samples[question.sample_id]["differences"]):
        return Unmeasured(dtype, "no_boxes")
    try:
        images = decode(question.original), decode(question.modified)
    except ValueError as error:
        return Unmeasured(dtype, "failed", f"picture: {error}")
    try:
        return _measured(of, question, *images)
    except PatchingUnsupported as error:
        return Unmeasured(dtype, "unsupported", str(error))
    except Exception as error:
        log.exception("%s, %s", question.sample_id, question.task)
        return failed(dtype, error)


def _measured(of: ModelRun, question: Question, original: Image, modified: Image) -> list[Row]:
    sample, answer = of.samples[question.sample_id], of.answers[question.id]
    pair = BasePair(sample, {"original": question.original, "modified": question.modified}, of.seed)
    words = said(of.checkpoint.tokenizer, answer.token_ids, sample)
    labels = [
        {"difference": number, "type": one["type"], "claim_tokens": len(words[number].claim)}
        for number, one in enumerate(pair.differences)
    ]
    obstacles = [pair.why_not_undone(number) for number in range(len(labels))]
    rows = [label | {"status": "not_undone", "error": why} for label, why in zip(labels, obstacles, strict=True) if why]
    undone = [number for number, why in enumerate(obstacles) if not why]
    if not undone:
        return rows
    seconds = [modified, *(decode(pair.undone_image(number)) for number in undone)]
    shown = [(question.text, original, second) for second in seconds]
    answered = prepare_answered(of.builder, shown, [answer.token_ids] * len(shown), share_rows=False)
    answer.check_prompt(answered.rows[_CHANGED].answer_states.start + 1)
    with teacher_forced(of.checkpoint.model, answered) as runs:
        layers = range(-1, len(decoder_layers(of.checkpoint.model)))
        log_probs = runs.log_probs().double().numpy()
        for row, number in enumerate(undone, start=1):
            found = [_effects(words[number], log_probs[_CHANGED], log_probs[row])]
            if claim := words[number].claim:
                sets = _token_sets(answered, sample, number, of.seed)
                found += _set_rows(sets)
                found += _drops(runs, answered.rows[_CHANGED], row, sets, layers, claim)
            rows += [labels[number] | one for one in found]
    return rows


def _effects(words: Said, changed: np.ndarray, undone: np.ndarray) -> Row:
    """The row of a difference, from the log-probabilities of the answer's tokens in the two runs."""
    row = {
        f"{name}_effect": float((changed - undone)[list(tokens)].sum()) if tokens else None
        for name, tokens in (
            ("image", words.claim),
            ("count", words.count),
            ("json", words.json_copy),
            ("other_claims", words.other_claims),
            ("verdict", words.verdict),
        )
    }
    if not words.claim:
        return row | {"status": "not_named"}
    claim = list(words.claim)
    return row | {"log_prob_changed": float(changed[claim].sum()), "log_prob_undone": float(undone[claim].sum())}


def _token_sets(
    answered: AnsweredPrompts, sample: Mapping[str, Any], number: int, seed: int
) -> Mapping[str, np.ndarray | str]:
    """By name, indices among the prompt's image tokens, or the status of a set that does not exist."""
    places, tokens = answered.rows[_CHANGED].places, answered.rows[_CHANGED].image_tokens
    if places is None:  # the places of boxes are unknown, but not which tokens are the second image's
        return dict.fromkeys(TOKEN_SETS, "unsupported") | {"all": np.arange(sum(tokens) - tokens[-1], sum(tokens))}
    return token_sets(places, sum(tokens), sample, number, seed)


def _set_rows(sets: Mapping[str, np.ndarray | str]) -> list[Row]:
    """A row for each set that cannot be copied."""
    return [{"tokens": name, "status": why} for name, why in sets.items() if isinstance(why, str)]


def _drops(
    runs: PatchedRuns,
    prompt: AnsweredPrompt,
    undone: int,
    sets: Mapping[str, np.ndarray | str],
    layers: range,
    claim: Sequence[int],
) -> list[Row]:
    """The rows of a difference by direction, layer and set of tokens; `undone` is its row of the batch."""
    positions = {
        name: prompt.image_positions[torch.as_tensor(tokens)]
        for name, tokens in sets.items()
        if not isinstance(tokens, str)
    }
    into_changed, into_undone = DIRECTIONS
    rows_of = {into_changed: (undone, _CHANGED), into_undone: (_CHANGED, undone)}  # source and target
    copied = list(product(DIRECTIONS, layers, positions))
    patches = [Patch(layer, *rows_of[direction], positions[name]) for direction, layer, name in copied]
    changes = runs.patched(patches, claim).double().sum(dim=-1).tolist()
    return [
        {
            "direction": direction,
            "layer": layer,
            "tokens": name,
            "drop": -change if direction == into_changed else change,
            "copied_tokens": len(positions[name]),
        }
        for (direction, layer, name), change in zip(copied, changes, strict=True)
    ]
