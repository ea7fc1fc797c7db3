"""Check what people labelled and write it as a table of labels; measure how far two or more people agree."""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spd_faith.core.config_errors import error_at, explain, raise_errors
from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_table, write_table, write_text
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import JUDGED_METRICS, PARSED, RESPONSES, SAMPLES
from spd_faith.judging.annotations.items import AnnotationItem, Key, ModelAnswer, model_answers
from spd_faith.judging.annotations.labelled_rows import items_of, label_rows, merge
from spd_faith.judging.annotations.marks import Marks, read_marks
from spd_faith.judging.annotations.page import annotation_page, read_images
from spd_faith.judging.annotations.span_agreement import annotator_agreement
from spd_faith.judging.consistency import YesNoAnswer
from spd_faith.judging.labels import LABELS

FEWEST = 30  # labelled answers of a model that are corrected by


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "files", type=Path, nargs="+", help="annotations_*.json of the page, or exports of Label Studio as JSON"
    )
    parser.add_argument("--results", type=Path, required=True, help="the dataset's results, such as results/demo")
    parser.add_argument("--key", type=Path, required=True, help="key.json of export_annotations.py")
    parser.add_argument(
        "--adjudicated", type=Path, nargs="*", default=[], help="adjudicated_*.json: settles what people disagree on"
    )
    parser.add_argument("--output", type=Path, required=True, help="the table of labels (Parquet) to write")
    args = parser.parse_args()

    paths, key = ResultPaths(args.results), read_key(args.key)
    answers, yes_no = read_answers(paths, key)
    items = items_of(key, answers)
    marks = read_marks(args.files, key.draw, items)
    settled = read_marks(args.adjudicated, key.draw, items, marks.people)
    raise_errors(
        error_at(f"--adjudicated: {name}", "settled by several people", sorted(of_item), "one person per answer")
        for name, of_item in settled.by_item.items()
        if len(of_item) > 1
    )
    if not marks.by_item and not settled.by_item:
        names = ", ".join(map(str, (*args.files, *args.adjudicated)))
        raise UserError(
            f"{names}: no finished answers, only {marks.unfinished + settled.unfinished} begun; {args.output} is not "
            "written.\n  Finish at least one answer on the page, save, and import again."
        )
    merged = merge(marks.by_item, settled.by_item)
    rows = label_rows(key, items, merged.by_item, answers, yes_no)
    write_table(args.output, rows, LABELS, {"draw": key.draw, "seed": key.seed, "pairs": len(key.pairs)})

    print_counts(items, marks, len(merged.by_item), merged.disputed)
    if any(len(of_item) > 1 for of_item in marks.by_item.values()):
        write_agreement(args.output.with_name(f"{args.output.stem}_agreement.json"), paths, items, marks)
    if merged.disputed:
        page = args.output.with_name(f"{args.output.stem}_adjudicate.html")
        write_text(page, adjudication_page(paths, key, items, marks, merged.disputed))
        print("Settle what people disagree on before you report: without it the labels are no random sample.")
        print(f"{page}: settle these answers there, then import again with --adjudicated adjudicated_NAME.json")
    print_labels(rows, args.output)


def read_key(path: Path) -> Key:
    if not path.is_file():
        raise UserError(f"{path}: no such file. Pass the key.json that export_annotations.py wrote.")
    what = f"{path}: not a key of export_annotations.py. Pass the key.json that it wrote."
    try:
        return Key.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        errors = [explain(str(path), (), Key, details) for details in error.errors()]
        raise UserError("\n".join([what, *errors])) from None
    except (ValueError, RecursionError) as error:  # also wrong UTF-8
        raise UserError(f"{what}\n  not valid JSON: {error}") from None


def read_answers(
    paths: ResultPaths, key: Key
) -> tuple[list[ModelAnswer], dict[tuple[str, str], tuple[YesNoAnswer, YesNoAnswer]]]:
    """The answers of the key's models to its pairs, and both yes/no answers by model and sample."""
    answers, yes_no = [], {}
    for model in key.models:
        responses = read_table(paths.responses(model), RESPONSES)
        answers += model_answers(model, responses, list(key.pairs))
        rows = responses.select(["sample_id", "task", "response_text"]).to_pylist()
        texts = {(row["sample_id"], row["task"]): row["response_text"] for row in rows}
        parsed = read_table(paths.parsed(model), PARSED, ["sample_id", "task", "verdict"]).to_pylist()
        verdicts = {(row["sample_id"], row["task"]): row["verdict"] for row in parsed}
        for sample_id in key.pairs:
            places = (sample_id, "same"), (sample_id, "different")
            if missing := [place for place in places if place not in verdicts]:
                raise UserError(f"{paths.parsed(model)}: no rows for {missing}. Run the workflow again.")
            same, different = (YesNoAnswer(texts[place], verdicts[place]) for place in places)
            yes_no[model, sample_id] = same, different
    return answers, yes_no


def print_counts(items: Mapping[str, AnnotationItem], marks: Marks, labelled: int, disputed: Sequence[str]) -> None:
    people = Counter(name for of_item in marks.by_item.values() for name in of_item)
    for name, count in sorted(people.items()):
        print(f"{name}: {count} answers labelled")
    open_items = len(items) - labelled - len(disputed)
    print(f"{labelled} of {len(items)} different answers have labels; left out: {open_items} without labels", end="")
    print(f", {len(disputed)} on which people disagree" if disputed else "", end="")
    print(f" ({marks.unfinished} begun, but not finished)" if marks.unfinished else "")


def write_agreement(path: Path, paths: ResultPaths, items: Mapping[str, AnnotationItem], marks: Marks) -> None:
    samples = read_table(paths.samples, SAMPLES, ["sample_id", "split", "image_id"]).to_pylist()
    clusters = {row["sample_id"]: (row["split"], row["image_id"]) for row in samples}
    found = annotator_agreement(items, marks.by_item, clusters)
    write_text(path, json.dumps(found, indent=2) + "\n")
    print(f"{path}: Krippendorff's α over the claims, with 95% interval")
    for metric in JUDGED_METRICS:
        counts = found[metric]["counts"]
        print(
            f"  {metric.upper()}: {_ends(found[metric]['statistics']['alpha'], counts)}; {counts['units']} claims in "
            f"{counts['items']} answers, {counts['agreed_items']} of them labelled alike"
        )


def _ends(estimate: Mapping[str, float | None], counts: Mapping[str, int]) -> str:
    if not counts["items"]:
        return "undefined, because no answer was labelled by two people"
    if not counts["units"]:
        return "undefined, because nobody marked a claim"
    if estimate["value"] is None or estimate["low"] is None:
        return "undefined, because all labels are the same"
    return f"{estimate['value']:.2f} [{estimate['low']:.2f}, {estimate['high']:.2f}]"


def adjudication_page(
    paths: ResultPaths, key: Key, items: Mapping[str, AnnotationItem], marks: Marks, disputed: Sequence[str]
) -> str:
    shown = [items[name] for name in disputed]
    images = read_images(paths.images, sorted({item.sample_id for item in shown}))
    samples = {row["sample_id"]: row for row in read_table(paths.samples, SAMPLES).to_pylist()}
    return annotation_page(key.draw, shown, samples, images, {name: marks.by_item[name] for name in disputed})


def print_labels(rows: Sequence[Mapping[str, Any]], output: Path) -> None:
    scored = Counter((row["model"], row["metric"]) for row in rows if row["score"] is not None)
    print(f"{output}: {len(rows)} rows")
    for model in sorted({model for model, _ in scored}):
        counts = {metric: scored[model, metric] for metric in JUDGED_METRICS}
        few = f"; under {FEWEST} a metric is not corrected" if min(counts.values()) < FEWEST else ""
        print(f"  {model}: {', '.join(f'{metric.upper()} {count}' for metric, count in counts.items())}{few}")
    print(f"To correct the scores by these labels, put this into the run's config:\n  labels: {output}")


if __name__ == "__main__":
    run_command(main)
