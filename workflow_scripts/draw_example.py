"""Draw one sample: both images with the true boxes, the answers, their claims with labels, and the scores.

The figure is as tall as its text. Long texts are cut, with a note of how much is left out.
"""

import argparse
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from spd_faith.core.controls import is_control
from spd_faith.core.errors import UserError, run_command
from spd_faith.core.files import read_table, whole_file
from spd_faith.core.schemas import IMAGES, INVENTED, JUDGEMENTS, RESPONSES, SAMPLES, TASKS
from spd_faith.dataset.encoded_images import decode
from spd_faith.probes.figures.drawing import readable, style, text_width, without_layout
from spd_faith.scoring.metrics import HEADLINE, METRICS
from spd_faith.scoring.tables import SCORES

BOX_COLOR = "#d4007a"
LABEL_COLORS = {  # Okabe and Ito's palette, safe for colour-blind readers
    **dict.fromkeys(("faithful", "consistent"), "#009e73"),
    **dict.fromkeys(("unfaithful", "contradictory"), "#d55e00"),
    **dict.fromkeys(("unverifiable", "ambiguous", INVENTED), "#666666"),
}
TITLES = {"describe": "Answer: how many differences?", "same": "Answer: the same?", "different": "Answer: different?"}
CLAIMS = {"drf": "Claims of the reasoning", "cr": "Claims across the two yes/no answers"}
WIDTH, SHORTEST = 12, 5.4  # inches
IMAGE_LEFT, IMAGE_WIDTH, IMAGE_HEIGHT = (0.1, 2.74), 2.5, 2.7
TEXT_LEFT = 5.42
LINE = 0.22
DOTS = 130  # per inch
MAX_LINES = 60  # per answer, per metric's claims, and for the truth


@dataclass
class Column:
    """Lines of text below each other; `left`, `width` and `top` in inches."""

    left: float
    width: float
    top: float
    lines: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)

    def heading(self, text: str, **look: Any) -> None:
        self.top += LINE / 4
        self.lines.append((self.top, text, {"weight": "bold", "fontsize": 10} | look))
        self.top += LINE

    def section(self, paragraphs: list[tuple[str, str]]) -> None:
        """Add texts, each with its color, up to `MAX_LINES` lines."""
        every = ((line, color) for text, color in paragraphs for line in wrapped(text, self.width, 9.2))
        lines = list(islice(every, MAX_LINES))  # measuring the rest of a long answer would take longer than drawing
        for line, color in lines:
            self._line(line, color)
        if next(every, None):
            left = sum(len(text) for text, _ in paragraphs) - sum(len(line) for line, _ in lines)
            self._line(f"… about {left:,} more characters", "#666666")

    def _line(self, line: str, color: str) -> None:
        self.lines.append((self.top, line, {"fontsize": 9.2, "color": color}))
        self.top += LINE

    def draw(self, figure: Figure) -> None:
        height = figure.get_figheight()
        for top, text, look in self.lines:
            figure.text(self.left / WIDTH, 1 - top / height, text, va="top", **look)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of the dataset's results")
    parser.add_argument("--model", required=True, help="the model whose answers are drawn")
    parser.add_argument(
        "--judge", default="rules", help="the judge whose labels and scores are drawn (default: %(default)s)"
    )
    parser.add_argument("--sample-id", required=True, help="the sample to draw")
    parser.add_argument("--output", type=Path, required=True, help="the PNG to write")
    arguments = parser.parse_args()
    check_output(arguments.output)

    folder, model, sample_id = arguments.results, arguments.model, arguments.sample_id
    if not folder.is_dir():
        raise UserError(f"--results {folder}: no such folder; expected results/DATASET")
    check_name("--model", model, folder / "responses")
    check_name("--judge", arguments.judge, folder / "judgements")
    check_name("--model", model, folder / "judgements" / arguments.judge)
    judged = f"{arguments.judge}/{model}.parquet"
    answers = {row["task"]: row for row in rows_of(folder / f"responses/{model}.parquet", RESPONSES, sample_id)}
    claims = {row["metric"]: row["claims"] for row in rows_of(folder / f"judgements/{judged}", JUDGEMENTS, sample_id)}
    (sample,) = rows_of(folder / "samples.parquet", SAMPLES, sample_id)
    (images,) = rows_of(folder / "images.parquet", IMAGES, sample_id)
    (scores,) = rows_of(folder / f"scores/{judged}", SCORES, sample_id)

    with style():
        figure = draw(sample, images, answers, claims, scores)
        with whole_file(arguments.output) as part:
            figure.savefig(part, format="png")


# ---- what is drawn ---------------------------------------------------------------------------------------------------


def check_output(path: Path) -> None:
    if path.suffix.lower() != ".png" or path.is_dir():
        raise UserError(f"--output {path}: expected a file name that ends in .png")


def check_name(flag: str, name: str, folder: Path) -> None:
    """Raise `UserError` if a folder of results has neither a table nor a folder of that name."""
    there = sorted(path.name.removesuffix(".parquet") for path in folder.glob("*") if not path.name.startswith("."))
    if name not in there:
        raise UserError(f"{flag} {name}: not in {folder}, which has {', '.join(there) or 'nothing'}")


def rows_of(path: Path, schema: pa.Schema, sample_id: str) -> list[dict[str, Any]]:
    """The rows of a table about one sample."""
    sample_ids = {str(one) for one in read_table(path, schema, columns=["sample_id"])["sample_id"].to_pylist()}
    if sample_id not in sample_ids:
        near = difflib.get_close_matches(sample_id, sorted(sample_ids), n=3, cutoff=0)
        raise UserError(f"--sample-id {sample_id}: not in {path}; nearest: {', '.join(near) or 'none, it is empty'}")
    return pq.read_table(path, filters=[("sample_id", "==", sample_id)]).to_pylist()


# ---- drawing ---------------------------------------------------------------------------------------------------------


def draw(
    sample: dict[str, Any],
    images: dict[str, Any],
    answers: dict[str, dict[str, Any]],
    claims: dict[str, list[dict[str, Any]]],
    scores: dict[str, Any],
) -> Figure:
    truth = Column(IMAGE_LEFT[0] + 0.02, TEXT_LEFT - 0.35, top=3.25)
    truth.heading("Truth", color=BOX_COLOR)
    truth.section([(f"• {text}", "black") for text in truths(sample)])
    texts = Column(TEXT_LEFT, WIDTH - TEXT_LEFT - 0.1, top=0.15)
    for task in TASKS:
        texts.heading(TITLES[task])
        texts.section([(text_of(answers.get(task)), "black")])
    texts.top += LINE / 2
    for metric, title in CLAIMS.items():
        texts.heading(title)
        of_metric = [(text_of_claim(claim), LABEL_COLORS[claim["label"]]) for claim in claims.get(metric) or ()]
        texts.section(of_metric or [("none", "#666666")])
    height = max(SHORTEST, truth.top + 0.9, texts.top + 0.1)
    figure = without_layout(WIDTH, height, DOTS)
    for number, left in enumerate(IMAGE_LEFT):
        draw_image(figure, left, images, sample, number)
    truth.draw(figure)
    texts.draw(figure)
    draw_scores(figure, max(truth.top + 0.3, SHORTEST - 0.6), scores)
    return figure


def truths(sample: dict[str, Any]) -> list[str]:
    if sample["differences"]:
        return [one["description"] or f"{one['type']} of {one['category']}" for one in sample["differences"]]
    return [f"control pair ({sample['control'].replace('_', ' ')})" if is_control(sample) else "no difference is known"]


def text_of(answer: dict[str, Any] | None) -> str:
    if answer is None:
        return "(not asked)"
    return answer["response_text"] or f"(no answer: {answer['error'] or answer['finish_reason']})"


def text_of_claim(claim: dict[str, Any]) -> str:
    why = ", ".join(filter(None, ((claim["error_type"] or "").replace("_", " "), claim["severity"])))
    words = " / ".join(filter(None, (claim["text"], claim["other_text"])))
    return f"{claim['label']}{f' ({why})' if why else ''}: {words}"


def wrapped(text: str, width: float, points: float) -> Iterator[str]:
    """The text in lines at most `width` inches wide, all but the first indented."""
    indent = "   "
    line = ""
    for word in readable(text).split():
        longer = f"{line} {word}" if line.strip() else line + word
        if width_of(longer, points) <= width:
            line = longer
            continue
        if line.strip():
            yield line
            line = indent
        for letter in word:  # a word may be longer than a line, e.g. text without spaces
            if width_of(line + letter, points) > width:
                yield line
                line = indent
            line += letter
    yield line


def width_of(line: str, points: float) -> float:
    """In inches: the sum over the line's letters, whose widths are cached."""
    return sum(advance(letter, points) for letter in line)


@cache
def advance(letter: str, points: float) -> float:
    """The width that a letter adds to a line, in inches; a space alone would have none."""
    return text_width(f"n{letter}n", points, DOTS) - text_width("nn", points, DOTS)


def draw_image(figure: Figure, left: float, images: dict[str, Any], sample: dict[str, Any], number: int) -> None:
    name, box_name = (("original", "bbox"), ("modified", "bbox_after"))[number]
    height = figure.get_figheight()
    top = 0.35 + IMAGE_HEIGHT
    axes = figure.add_axes((left / WIDTH, 1 - top / height, IMAGE_WIDTH / WIDTH, IMAGE_HEIGHT / height))
    image = decode(images[name])
    across, down = image.size
    image.thumbnail((round(IMAGE_WIDTH * DOTS), round(IMAGE_HEIGHT * DOTS)), Image.Resampling.LANCZOS)
    axes.imshow(image, extent=(0, across, down, 0))
    axes.set(xticks=[], yticks=[], xlim=(0, across), ylim=(down, 0))
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)
    axes.set_title(f"Image {number + 1}", fontsize=11)
    around = max(across, down) / 150
    for box in filter(None, (difference[box_name] for difference in sample["differences"])):
        corner = (box["x"] - around, box["y"] - around)
        size = (box["w"] + 2 * around, box["h"] + 2 * around)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=BOX_COLOR, linewidth=2))


def draw_scores(figure: Figure, top: float, scores: dict[str, Any]) -> None:
    height = figure.get_figheight()
    for place, metric in enumerate(HEADLINE):
        left = 0.04 + 0.072 * place
        score = "–" if scores[metric] is None else f"{scores[metric]:.2f}"
        look: dict[str, Any] = {"ha": "center", "va": "center"}
        figure.text(left, 1 - top / height, score, fontsize=14, weight="bold", **look)
        figure.text(left, 1 - (top + 0.3) / height, METRICS[metric].label, fontsize=9.5, color="#444444", **look)


if __name__ == "__main__":
    run_command(main)
