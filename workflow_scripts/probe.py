"""Probe one open model by hand: on a JSONL file or a folder of pairs, with the flags of the benchmark's own commands.

The model answers the three questions about each pair, or its answers are taken from --comparison_result; then one pass
per answer serves all probes. The folder of results gets a Parquet table per probe, the figures as PDF and PNG, the
samples, pictures and answers. Names of flags may be written with dashes or underscores.
"""

import argparse
import logging
import shutil
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from spd_faith.core.config import Probes
from spd_faith.core.config_errors import NOTHING, error_at, raise_errors
from spd_faith.core.entries import identity
from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_table, whole_file, write_table
from spd_faith.core.journal import Journal
from spd_faith.core.progress import progress
from spd_faith.core.schemas import IMAGES, RESPONSES, SAMPLES
from spd_faith.dataset.entries import FolderDataset, JsonlDataset
from spd_faith.dataset.merged import LAYOUTS
from spd_faith.dataset.own_pairs import check_pairs, read_pairs, revision
from spd_faith.dataset.pairs import Pair
from spd_faith.dataset.tables import write_dataset
from spd_faith.inference.answer_files import read_answer_file
from spd_faith.inference.answers import Answerer
from spd_faith.inference.backends import open_transformers
from spd_faith.inference.entries import TransformersModel
from spd_faith.inference.imported_responses import ImportedResponses
from spd_faith.inference.named_models import is_reference_model, named_model
from spd_faith.inference.prompts import Prompt, load_prompts
from spd_faith.inference.questions import QuestionId, question_keys, read_questions
from spd_faith.inference.responses import ask_missing
from spd_faith.original.given_answers import (
    answered_samples,
    answers_about,
    answers_as_tokens,
    holds_images,
    pairs_named_by_answers,
)
from spd_faith.probes.groups import CONTRASTS, PROBE_GROUPS, members
from spd_faith.probes.registry import PROBES
from spd_faith.probes.samples import SavedAnswer
from spd_faith.probes.saved_tables import probes_in, read_contrasted

if TYPE_CHECKING:
    from spd_faith.inference.checkpoint import Checkpoint
    from spd_faith.inference.transformers_answerer import TransformersAnswerer
    from spd_faith.probes.figures.drawing import Drawing

Rows = list[dict[str, Any]]


def main() -> None:
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # tells of every letter of a PDF
    raise_errors(_faults(arguments))
    folder = _results(arguments)
    entry = named_model(arguments.model_path, arguments.models_file)
    prompts = load_prompts(arguments.prompts)
    pairs, imported = _pairs_and_answers(arguments)
    if arguments.layout:
        pairs = [replace(pair, layout=arguments.layout) for pair in pairs]

    if any(pair.truth.question for pair in pairs):
        logging.info(
            "the pairs' own questions are kept in samples.parquet; asked are the prompts of %s", arguments.prompts
        )

    provenance = {"pairs": revision(pairs), "answers": "generated"}
    if imported:
        provenance["answers"] = f"texts of {arguments.comparison_result.name}, tokenised"
    write_dataset(folder / "samples.parquet", folder / "images.parquet", read_pairs(pairs), provenance)
    if is_reference_model(entry):
        logging.info("%s is a reference model: its attention and maps were trained to point", entry.model)
    with open_transformers(entry, arguments.threads, arguments.device) as answerer:
        _check_layers(arguments.layer_start, answerer.checkpoint)
        provenance |= answerer.provenance.to_json()
        if imported:
            rows = answers_as_tokens(imported, {pair.sample_id for pair in pairs}, answerer.checkpoint.tokenizer)
        else:
            rows = _ask(entry, prompts, folder, answerer)
        write_table(folder / "responses.parquet", rows, RESPONSES, provenance)
        _measure(arguments, prompts, folder, rows, answerer, provenance)
    _present(arguments, folder)


# ---- arguments -------------------------------------------------------------------------------------------------------


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)

    def flag(*names: str, **settings: Any) -> None:
        spelled = [spelling for name in names for spelling in (f"--{name}", f"--{name.replace('_', '-')}")]
        parser.add_argument(*dict.fromkeys(spelled), dest=names[0], **settings)

    flag("probes", nargs="+", choices=PROBES, required=True)
    flag("model_path", "model", "pretrained_model_path", required=True, help="key of the models file, folder or hub id")
    flag("input_file", "in_file_path", type=Path, help="the pairs, as JSONL")
    flag("multi_diff_dir", type=Path, help="the pairs, as a folder of splits or of one split: {id}/{id}_original.jpg …")
    flag("image_dir", type=Path, help="where the paths in --input_file start; its own folder where not given")
    flag("layout", choices=LAYOUTS, help="of merged pictures; found one by one where not given")
    flag("comparison_result", type=Path, help="answers to probe, as JSON, JSONL or Parquet; nothing is asked then")
    flag("max_samples", type=int, help="take the first pairs only")
    flag("output_dir", type=Path, help="folder of the results; else one named as the file below, without its suffix")
    flag("output_file", type=Path, help="the table of the one probe once more, as .parquet")
    flag("output_pdf", "visualize_path", type=Path, help="all figures once more: .pdf by pages, or .png on one sheet")
    flag("layer_start", type=int, default=0, help="first layer that is written and drawn (%(default)s)")
    flag("layer_end", type=int, help="last layer that is written and drawn; the model's last where not given")
    flag("models_file", type=Path, default=Path("config/models.yaml"))
    flag("prompts", type=Path, default=Path("resources/prompts"), help="folder with one file per task")
    flag("threads", type=int, default=1, help="CPU threads of torch (%(default)s)")
    flag("device", choices=("cpu", "cuda"), help="where to run; the entry decides where not given")
    return parser.parse_args()


def _faults(arguments: argparse.Namespace) -> list[str]:
    """Of the flags by themselves, and of files that are not there."""
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    probes, first, last = arguments.probes, arguments.layer_start, arguments.layer_end
    faults = []
    if not given.keys() & {"input_file", "multi_diff_dir", "image_dir"}:
        faults.append(error_at("the pairs", "not given", NOTHING, "--input_file FILE, or --multi_diff_dir FOLDER"))
    if "multi_diff_dir" in given and given.keys() & {"input_file", "image_dir"}:
        faults.append(
            error_at("the pairs", "given twice", NOTHING, "--multi_diff_dir, or --input_file and --image_dir")
        )
    for kind, is_there, names in (
        ("file", Path.is_file, {"input_file", "comparison_result"}),
        ("folder", Path.is_dir, {"multi_diff_dir", "image_dir"}),
    ):
        absent = [name for name in given if name in names and not is_there(given[name])]
        faults += [error_at(f"--{name}", f"no such {kind}", str(given[name]), f"an existing {kind}") for name in absent]
    if not given.keys() & {"output_dir", "output_file", "output_pdf"}:
        faults.append(error_at("the results", "nowhere to go", NOTHING, "--output_dir, --output_file or --output_pdf"))
    for name, kinds in (("output_file", [".parquet"]), ("output_pdf", [".pdf", ".png"])):
        if name in given and given[name].suffix.lower() not in kinds:
            faults.append(error_at(f"--{name}", "unknown kind of file", str(given[name]), kinds))
    if "output_file" in given and len(probes) > 1:
        faults.append(
            error_at("--output_file", "one table for several probes", ", ".join(probes), "--output_dir FOLDER")
        )
    if given.get("max_samples", 1) < 1:
        faults.append(error_at("--max_samples", "nothing to probe", arguments.max_samples, "1 at least"))
    if first < 0 or (last is not None and last < first):
        faults.append(
            error_at("--layer_start, --layer_end", "no layers", (first, last), "from 0 on, in ascending order")
        )
    return faults


def _results(arguments: argparse.Namespace) -> Path:
    folder: Path = arguments.output_dir or (arguments.output_file or arguments.output_pdf).with_suffix("")
    if folder.exists() and not folder.is_dir():
        raise UserError(error_at("the results", "not a folder", str(folder), "--output_dir FOLDER, which may be new"))
    return folder


# ---- pairs and answers -----------------------------------------------------------------------------------------------


def _pairs_and_answers(arguments: argparse.Namespace) -> tuple[list[Pair], ImportedResponses | None]:
    """The pairs to probe; and the answers of the file, where one is given, which are about all of them."""
    if not arguments.comparison_result:
        return _pairs(arguments, arguments.max_samples)[: arguments.max_samples], None
    file = read_answer_file(arguments.comparison_result)
    for probe in arguments.probes:
        if lacking := set(PROBES[probe].needed_tasks) - file.tasks:
            keys = " or ".join(f"response_{task}" for task in sorted(lacking))
            raise UserError(f"{file.path}: no record has {keys}, and {probe} compares the two answers")
    if not arguments.input_file and arguments.image_dir and holds_images(arguments.image_dir):
        pairs = pairs_named_by_answers(file.records, arguments.image_dir, arguments.max_samples)
    else:
        pairs = _pairs(arguments, limit=None)
    imported = answers_about(pairs, file)
    answered = answered_samples(imported)
    return [pair for pair in pairs if pair.sample_id in answered][: arguments.max_samples], imported


def _pairs(arguments: argparse.Namespace, limit: int | None) -> list[Pair]:
    """Of each split the first `limit`; pictures of later ones are not looked at."""
    if not arguments.input_file:
        return check_pairs(FolderDataset.of_folder(arguments.multi_diff_dir or arguments.image_dir, limit))
    images = arguments.image_dir and str(arguments.image_dir)
    return check_pairs(JsonlDataset(source="jsonl", path=str(arguments.input_file), image_dir=images, limit=limit))


def _ask(entry: TransformersModel, prompts: dict[str, Prompt], folder: Path, answerer: Answerer) -> Rows:
    """Rows of `RESPONSES`. What was asked in an earlier run with the same folder is taken from its journal."""
    images = folder / "images.parquet"
    shas = read_table(images, IMAGES, columns=["sample_id", "original_sha256", "modified_sha256"]).to_pylist()
    asked = question_keys(shas, prompts, identity(entry))
    with Journal(folder / "journal") as journal, journal.alone("probe"):
        read = partial(read_questions, images, prompts=prompts)
        outcomes = ask_missing(asked, read, answerer, journal, "Answers")
    return outcomes.rows(asked)


# ---- passes, tables and figures --------------------------------------------------------------------------------------


def _check_layers(first: int, checkpoint: "Checkpoint") -> None:
    """Before anything is asked: that the model can be probed, and has the first layer."""
    from spd_faith.probes.layers import decoder_layers

    if first >= (layers := len(decoder_layers(checkpoint.model))):
        raise UserError(error_at("--layer_start", "no such layer", first, f"0 to {layers - 1}"))


def _measure(
    arguments: argparse.Namespace,
    prompts: dict[str, Prompt],
    folder: Path,
    responses: Rows,
    answerer: "TransformersAnswerer",
    provenance: dict[str, Any],
) -> None:
    """Write the table of each probe."""
    from spd_faith.probes.layer_range import LayerRange
    from spd_faith.probes.outcomes import measure_answers
    from spd_faith.probes.writing import start_probes, write_probes

    samples = {row["sample_id"]: row for row in read_table(folder / "samples.parquet", SAMPLES).to_pylist()}
    probes = start_probes(arguments.probes, samples, answerer.checkpoint.tokenizer)
    layers = LayerRange(arguments.layer_start, arguments.layer_end)
    answers = {
        QuestionId(row["sample_id"], row["task"]): SavedAnswer(row["response_token_ids"] or [], row["prompt_tokens"])
        for row in responses
    }
    questions = read_questions(folder / "images.parquet", answers, prompts)
    checkpoint, batch_size = answerer.checkpoint, answerer.checkpoint.entry.batch_size
    with (
        write_probes(folder, probes, provenance, layers) as write,
        progress(len(answers), "Passes", "answer") as bar,
    ):
        for question, outcome in measure_answers(checkpoint, answerer.builder, questions, answers, batch_size):
            write(question.sample_id, question.task, outcome)
            bar.update(1)


def _present(arguments: argparse.Namespace, folder: Path) -> None:
    """Draw, copy to where the flags say, and tell where everything is."""
    for name in arguments.probes:
        _tell(name, PROBES[name].path_in(folder))
    if arguments.output_file:
        _copy(PROBES[arguments.probes[0]].path_in(folder), arguments.output_file)
    if drawings := _drawings(arguments, folder):
        _save_figures(drawings, folder / "figures", arguments.output_pdf)


def _drawings(arguments: argparse.Namespace, folder: Path) -> dict[str, "Drawing"]:
    """What draws each figure, once groups and contrasts are written where a probe contrasts anything."""
    from spd_faith.probes.figures.declared import ModelResults
    from spd_faith.probes.figures.of_model import all_drawings

    groups, contrasts = pd.DataFrame(), pd.DataFrame()
    if contrasted := read_contrasted(folder, arguments.probes):
        groups, contrasts = _contrasts(contrasted, folder)
    results = ModelResults(
        model=Path(arguments.model_path).name,
        probes=folder,
        samples=folder / "samples.parquet",
        images=folder / "images.parquet",
        groups=groups,
        contrasts=contrasts,
    )
    return all_drawings(results, probes_in(folder, arguments.probes))


def _contrasts(probes: dict[str, pa.Table], folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write groups and contrasts, report the sizes of the groups, and return both tables."""
    from spd_faith.probes.contrast_table import PROBE_CONTRASTS
    from spd_faith.probes.contrasts import contrast_rows
    from spd_faith.probes.judged_groups import groups_by_rules

    defaults = Probes()
    bounds = {"faithful_at_least": defaults.faithful_at_least, "unfaithful_at_most": defaults.unfaithful_at_most}
    responses = read_table(folder / "responses.parquet", RESPONSES)
    groups = groups_by_rules(read_table(folder / "samples.parquet", SAMPLES), responses, **bounds)
    write_table(folder / "groups.parquet", groups, PROBE_GROUPS, bounds)
    grouped = pd.DataFrame(groups)
    drawn = {"permutations": defaults.permutations, "seed": defaults.seed}
    rows = contrast_rows(grouped, probes, responses, **drawn)
    write_table(folder / "contrasts.parquet", rows, PROBE_CONTRASTS, drawn)
    for contrast in CONTRASTS:
        sizes = members(grouped, contrast)["group"].value_counts()
        told = ", ".join(f"{sizes.get(name, 0)} {name}" for name in (contrast.group, contrast.reference))
        _tell(contrast.name, f"{told}, of {grouped['sample_id'].nunique()} samples")
    return grouped, read_table(folder / "contrasts.parquet", PROBE_CONTRASTS).to_pandas()


def _save_figures(drawings: dict[str, "Drawing"], folder: Path, once_more: Path | None) -> None:
    from spd_faith.probes.figures.drawing import pdf_pages
    from spd_faith.probes.figures.of_model import CONTACT_SHEET, NOT_DRAWN, write_figures

    pages = once_more if once_more and once_more.suffix.lower() == ".pdf" else None
    with ExitStack() as stack, progress(len(drawings), "Figures", "figure") as bar:
        also = stack.enter_context(pdf_pages(pages)) if pages else None
        failures = write_figures(drawings, folder, bar.update, also)
    _tell("figures", folder / CONTACT_SHEET)
    if failures:
        _tell("not drawn", f"{len(failures)} of {len(drawings)} figures: {folder / NOT_DRAWN}")
    if pages:
        _tell("pages", once_more)
    elif once_more:
        _copy(folder / CONTACT_SHEET, once_more)


def _copy(path: Path, to: Path) -> None:
    with whole_file(to) as part:
        shutil.copyfile(path, part)
    _tell("copy", to)


def _tell(what: str, where: Any) -> None:
    print(f"{what:<21} {where}")


if __name__ == "__main__":
    run_command(main)
