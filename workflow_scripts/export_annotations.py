"""Draw pairs and write all models' answers to them as a page on which people label claims, blind to the model."""

import argparse
import json
from pathlib import Path

from spd_faith.core.arguments import seed
from spd_faith.core.controls import without_controls
from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_table, write_text
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import JUDGED_METRICS, RESPONSES, SAMPLES
from spd_faith.core.text import writable
from spd_faith.judging.annotations import label_studio
from spd_faith.judging.annotations.draw import draw_pairs
from spd_faith.judging.annotations.items import WARNING, make_items, make_key, model_answers
from spd_faith.judging.annotations.page import annotation_page, read_images

README = f"""# Human labels

- `for_annotators/` goes to the people who label: `annotate.html` works in any browser without a network. The other
  files there are the same answers for Label Studio, one project for each metric.
- `key.json` stays here. {WARNING}

How to label and how to import the labels: docs/annotations.md.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="the dataset's results, such as results/demo")
    parser.add_argument("--pairs", type=int, default=40, help="pairs to draw (default: %(default)s)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the draw and of the order (default: %(default)s)")
    parser.add_argument("--models", nargs="+", help="models to label (default: all with responses)")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    args = parser.parse_args()

    paths = ResultPaths(args.results)
    models = _models(paths, args.models)
    samples = {row["sample_id"]: row for row in without_controls(read_table(paths.samples, SAMPLES)).to_pylist()}
    pairs = draw_pairs(list(samples.values()), args.pairs, args.seed)
    drawn = [pair.sample_id for pair in pairs]
    answers = [
        answer
        for model in models
        for answer in model_answers(model, read_table(paths.responses(model), RESPONSES), drawn)
    ]
    items = make_items(pairs, answers, args.seed)
    key = make_key(pairs, items, models, args.seed)
    key_text = key.model_dump_json(indent=2) + "\n"
    _check_folder(args.output / "key.json", key_text)
    images = read_images(paths.images, drawn)

    shown = args.output / "for_annotators"
    write_text(args.output / "README.md", README)
    write_text(args.output / "key.json", key_text)
    write_text(shown / "annotate.html", annotation_page(key.draw, items, samples, images))
    for metric in JUDGED_METRICS:
        tasks = label_studio.tasks(metric, key.draw, items, samples, images)
        write_text(shown / f"label_studio_{metric}.json", json.dumps(tasks, ensure_ascii=False))
        write_text(shown / f"label_studio_{metric}.xml", label_studio.labeling_config(metric))

    without = sum(not answer.needs_labels for answer in answers)
    print(f"{len(pairs)} pairs, {len(models)} models: {len(answers)} answers")
    print(f"  {without} need no labels: missing, empty or (CR) one word each")
    print(f"  {len(items)} to label, after joining equal answers to the same pair")
    print(f"{shown / 'annotate.html'}: send it to the people who label. Keep {args.output / 'key.json'} to yourself.")


def _check_folder(path: Path, key_text: str) -> None:
    """Raise `UserError` if the folder has another key: without it, the labels of its draw are lost."""
    if path.is_file() and path.read_bytes() != writable(key_text).encode():
        raise UserError(
            f"{path}: the key of another draw, which its labels need\n"
            "  Choose another folder, or the same --seed, --pairs and --models on the same results."
        )


def _models(paths: ResultPaths, wanted: list[str] | None) -> list[str]:
    found = sorted(path.stem for path in paths.responses("").parent.glob("*.parquet"))
    if unknown := sorted(set(wanted or ()) - set(found)):
        raise UserError(f"--models {' '.join(unknown)}: no responses. Models with responses: {', '.join(found)}")
    if not found:
        raise UserError(f"{paths.responses('').parent}: no responses of any model. Run the workflow first.")
    return sorted(set(wanted)) if wanted else found


if __name__ == "__main__":
    run_command(main)
