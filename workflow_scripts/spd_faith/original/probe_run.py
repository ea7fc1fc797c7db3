"""What probe.py runs: write the pairs, ask the model or tokenise given answers, and measure."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spd_faith.core.config_errors import error_at
from spd_faith.core.entries import identity
from spd_faith.core.errors import UserError
from spd_faith.core.files import read_table, write_table
from spd_faith.core.journal import Journal
from spd_faith.core.schemas import IMAGES, RESPONSES, SAMPLES
from spd_faith.dataset.own_pairs import read_pairs, revision
from spd_faith.dataset.pairs import Pair, Size, box_errors, with_boxes_inside
from spd_faith.dataset.tables import write_dataset
from spd_faith.inference.answers import Answerer
from spd_faith.inference.backends import open_transformers
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.named_models import is_reference_model
from spd_faith.inference.prompts import Prompt
from spd_faith.inference.questions import QuestionId, question_keys, read_questions
from spd_faith.inference.responses import ask_missing
from spd_faith.original.found_pairs import first_errors
from spd_faith.original.given_answers import answers_as_tokens
from spd_faith.original.probe_pairs import ProbedPairs
from spd_faith.original.probe_settings import ProbeSettings
from spd_faith.original.prompt_facts import PromptFacts, prompt_facts
from spd_faith.original.released_models import on_device
from spd_faith.probes.probe import ModelRun
from spd_faith.probes.samples import SavedAnswer

if TYPE_CHECKING:
    from spd_faith.inference.checkpoint import Checkpoint
    from spd_faith.inference.transformers_answerer import TransformersAnswerer

Rows = list[dict[str, Any]]
Prompts = Mapping[str, Prompt]

log = logging.getLogger(__name__)


def run_probes(
    settings: ProbeSettings, entry: TransformersModel, prompts: Prompts, probed: ProbedPairs
) -> PromptFacts | None:
    """Write samples, images, responses and a table per probe to the folder of the results.

    Returns what the released JSON of generation_attention needs beyond these tables, if it is to be written.
    """
    folder, pairs, imported = settings.folder, probed.pairs, probed.imported
    entry, device = on_device(entry, settings.device)
    if any(pair.truth.question for pair in pairs):
        log.info(
            "the pairs' own questions are kept in samples.parquet; the model is asked the prompts of %s",
            settings.prompts,
        )
    provenance = {"pairs": revision(pairs), "answers": "generated"}
    if imported and settings.max_new_tokens:
        log.info("--max_new_tokens changes nothing: the answers are given")
    if imported and settings.comparison_result:
        provenance["answers"] = f"texts of {settings.comparison_result.name}, tokenised"
    sample_ids = _write_pairs(folder, pairs, provenance)
    if is_reference_model(entry):
        log.info("%s is a reference model: its attention and maps were trained to point", entry.model)
    with open_transformers(entry, settings.threads, device) as answerer:
        _check_layers(settings, answerer.checkpoint)
        provenance |= answerer.provenance.to_json()
        if imported:
            rows = answers_as_tokens(imported, sample_ids, answerer.checkpoint.tokenizer)
        else:
            rows = _ask(entry, prompts, folder, answerer)
        write_table(folder / "responses.parquet", rows, RESPONSES, provenance)
        _measure(settings, prompts, rows, answerer, provenance)
        if settings.json and "generation_attention" in settings.probes:
            task = settings.released_task
            questions = read_questions(
                folder / "images.parquet", [QuestionId(one, task) for one in sample_ids], prompts
            )
            return prompt_facts(questions, [row for row in rows if row["task"] == task], answerer.builder)
    return None


def _write_pairs(folder: Path, pairs: list[Pair], provenance: dict[str, Any]) -> list[str]:
    """Write samples and images; logs the pairs whose images cannot be decoded or split, and boxes outside their image,
    which are unknown. Returns the sample ids.

    Raises `UserError` if no pair is left.
    """
    errors: list[str] = []
    outside: list[str] = []

    def check_boxes(pair: Pair, original: Size, modified: Size) -> Pair:
        outside.extend(box_errors(pair, original, modified))
        return with_boxes_inside(pair, original, modified)

    images = folder / "images.parquet"
    batches = read_pairs(pairs, errors.extend, check_boxes)
    count = write_dataset(folder / "samples.parquet", images, batches, provenance)
    if not count:
        raise UserError(f"none of {len(pairs)} pairs can be used\n{first_errors(errors)}")
    if errors:
        log.warning("pairs left out: %d\n%s", len(pairs) - count, first_errors(errors))
    if outside:
        log.warning("boxes outside their image, which are used as unknown: %d\n%s", len(outside), first_errors(outside))
    return [str(sample_id) for sample_id in read_table(images, IMAGES, columns=["sample_id"])["sample_id"].to_pylist()]


def _check_layers(settings: ProbeSettings, checkpoint: "Checkpoint") -> None:
    """Check before anything is asked that the model can be probed and has the first layer."""
    from spd_faith.inference.model_parts import decoder_layers

    first, last = settings.layer_start, settings.layer_end
    if first >= (layers := len(decoder_layers(checkpoint.model))):
        raise UserError(error_at("--layer_start", "no such layer", first, f"0 to {layers - 1}"))
    if last is not None and last >= layers:
        log.warning("--layer_end %d: the model's last layer is %d", last, layers - 1)


def _ask(entry: TransformersModel, prompts: Prompts, folder: Path, answerer: Answerer) -> Rows:
    """Rows of `RESPONSES`. Answers of an earlier run in the same folder are taken from its journal."""
    images = folder / "images.parquet"
    shas = read_table(images, IMAGES, columns=["sample_id", "original_sha256", "modified_sha256"]).to_pylist()
    asked = question_keys(shas, prompts, identity(entry))
    with Journal(folder / "journal") as journal, journal.alone("probe"):
        read = partial(read_questions, images, prompts=prompts)
        outcomes = ask_missing(asked, read, answerer, journal, "Answers")
    return outcomes.rows(asked)


def _measure(
    settings: ProbeSettings,
    prompts: Prompts,
    responses: Rows,
    answerer: "TransformersAnswerer",
    provenance: dict[str, Any],
) -> None:
    """Write the table of each probe."""
    from spd_faith.probes.layer_range import LayerRange
    from spd_faith.probes.measuring import measure_probes

    folder, checkpoint = settings.folder, answerer.checkpoint
    samples = {row["sample_id"]: row for row in read_table(folder / "samples.parquet", SAMPLES).to_pylist()}
    layers = LayerRange(settings.layer_start, settings.layer_end)
    answers = {
        QuestionId(row["sample_id"], row["task"]): SavedAnswer(row["response_token_ids"] or [], row["prompt_tokens"])
        for row in responses
    }
    run = ModelRun(checkpoint, answerer.builder, prompts, samples, answers, folder / "images.parquet")
    measure_probes(settings.probes, run, folder, provenance, checkpoint.entry.batch_size, "Passes", layers)
