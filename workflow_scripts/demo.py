"""Ask a model one question about one image pair, and print the answer and its parsed content.

With --save_dir, save the pair, the answer and a token activation map for each content word of the answer.

Without --model_path, use qwen2-vl-7b from the models file if a GPU is visible, else a reference model.
"""

import argparse
import logging
from functools import partial
from pathlib import Path
from typing import Any

from spd_faith.core.config_errors import raise_errors
from spd_faith.core.errors import run_command
from spd_faith.core.gpus import visible_gpus
from spd_faith.dataset.merged import LAYOUTS
from spd_faith.inference.backends import open_transformers
from spd_faith.inference.named_models import is_reference_model
from spd_faith.inference.prompts import load_prompts, opens_with, task_of
from spd_faith.inference.reasoning import split_reasoning
from spd_faith.original.demo_files import read_images, save_answer, save_maps
from spd_faith.original.flags import add_flag, add_model_flags
from spd_faith.original.released_models import (
    STAND_INS,
    find_model,
    model_flag_errors,
    named_by_flags,
    on_device,
    with_max_new_tokens,
)
from spd_faith.parsing.table import parse_response

DEFAULT_MODEL = "qwen2-vl-7b"
REFERENCE_MODEL = "tiny-qwen2-vl"


def main() -> None:
    arguments = _parser().parse_args()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("spd_faith").setLevel(logging.INFO)
    original, modified = read_images(arguments.image_path, arguments.layout)
    task = task_of(arguments.question)
    raise_errors(model_flag_errors(arguments.max_new_tokens, arguments.device))
    name = named_by_flags(arguments.model_path, arguments.model_type) or _default_model()
    entry = with_max_new_tokens(find_model(name, arguments.models_file), arguments.max_new_tokens)
    entry, device = on_device(entry, arguments.device)
    asked = arguments.question
    if is_reference_model(entry):
        asked = load_prompts(arguments.prompts)[task].text
        print(
            f"{entry.model} is a reference model: it knows only scenes of the dataset `demo` and three prompts, and is"
        )
        print(f"and is asked the prompt `{task}`. Its maps point at the differences because it was trained to point.")
        if not opens_with(asked, arguments.question):
            print(f"Your question is not one of the three, so it is not answered: {arguments.question}")
    with open_transformers(entry, entry.resources.threads, device) as answerer:
        (generation,) = answerer.generator.generate([(asked, original, modified)])
        text, reasoning = split_reasoning(generation.text)
        parsed = parse_response(task, text, failed=False)

        print(f"\nModel     {entry.model}")
        if change := entry.change():
            print(f"Changed   {'placebo of ' if change.is_placebo else ''}{change.method}")
        print(f"Question  {asked}")
        if reasoning:
            print(f"Reasoning {reasoning}")
        print(f"Answer    {text}\nRead as   {_summary(parsed)}")
        if arguments.save_dir:
            changed = {"intervention": entry.intervention.model_dump()} if entry.intervention else {}
            answer = {"model": entry.model, **changed, "question": asked, "answer": text} | parsed
            save_answer(arguments.save_dir, original, modified, answer)
            print(f"Saved     {arguments.save_dir}")
            from spd_faith.probes.word_overlays import overlays_of_words

            shown = (asked, original, modified)
            maps = overlays_of_words(answerer.checkpoint, answerer.builder, shown, generation.token_ids)
            save_maps(arguments.save_dir / "maps", maps)
            print(f"Maps      {arguments.save_dir / 'maps'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    flag = partial(add_flag, parser)
    flag("image_path", type=Path, nargs="+", required=True, help="one merged image, or two images")
    flag("question", default="Are the two pictures same?", help="question to ask (default: %(default)s)")
    flag(
        "model_path",
        "model",
        help=f"key of the models file, folder, hub id, or {', '.join(STAND_INS)}"
        f" (default: {DEFAULT_MODEL} with a GPU, else {REFERENCE_MODEL})",
    )
    add_model_flags(flag)
    flag("layout", choices=LAYOUTS, help="layout of a merged image (default: detected)")
    flag("save_dir", type=Path, help="folder for the pair, the answer as JSON, and maps (default: nothing is saved)")
    flag("models_file", type=Path, default=Path("config/models.yaml"), help="models file (default: %(default)s)")
    flag("prompts", type=Path, default=Path("resources/prompts"), help="prompts folder (default: %(default)s)")
    return parser


def _default_model() -> str:
    if visible_gpus():
        return DEFAULT_MODEL
    print("No GPU is visible here.")
    return REFERENCE_MODEL


def _summary(parsed: dict[str, Any]) -> str:
    if parsed["task"] != "describe":
        found = parsed["verdict"] or f"not read (language: {parsed['language']})"
        return f"verdict: {found} ({parsed['parse_status']})"
    listed = [f"{one['type']} of {one['category']}" for one in parsed["differences"]]
    stated = "no count stated" if parsed["predicted_num"] is None else f"{parsed['predicted_num']} stated"
    return f"{stated}, {len(listed)} listed: {'; '.join(listed) or 'none'} ({parsed['parse_status']})"


if __name__ == "__main__":
    run_command(main)
