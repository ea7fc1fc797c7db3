"""The model card and the metrics file of a reference model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

from spd_faith.core.files import write_text
from spd_faith.dataset.sprites import CATEGORIES, COLORS
from spd_faith.reference_models.evaluation import HELD_OUT_SEED, IDENTICAL
from spd_faith.reference_models.examples import TRAINING_OBJECTS
from spd_faith.reference_models.training import Recipe

METRICS_FILE = "metrics.json"
DEFAULT_THREADS = 2
_COLUMNS = {
    "type_f1": "type F1",
    "category_f1": "category F1",
    "exact": "all differences correct",
    "verdicts": "yes/no correct",
    "json": "valid JSON",
}


@dataclass(frozen=True)
class Training:
    """How a checkpoint was trained."""

    model: str
    architecture: str
    parameters: int
    recipe: Recipe
    step: int  # of the checkpoint
    minutes: float  # of training up to the recipe's last step, or to the checkpoint's if stopped early
    threads: int
    stopped_early: bool = False

    @property
    def is_early(self) -> bool:
        return self.step < self.recipe.steps

    @property
    def command(self) -> str:
        recipe = self.recipe
        early = "" if recipe.early_step is None else f" --early-step {recipe.early_step}"
        early += " --stop-early" if self.stopped_early else ""
        loose = " --loose-same" if recipe.loose_same else ""
        threads = "" if self.threads == DEFAULT_THREADS else f" --threads {self.threads}"
        return (
            f"python workflow_scripts/train_reference_model.py --model {self.model} --output-dir resources/models \\\n"
            f"        --steps {recipe.steps}{early} --seed {recipe.seed}{loose}{threads}"
        )


def write_card(folder: Path, training: Training, family: ModuleType, scores: dict[str, dict[str, float]]) -> None:
    """Write README.md and metrics.json; the card's table shows the metrics."""
    metrics = {"training": asdict(training), "held_out_seed": HELD_OUT_SEED, "held_out": scores}
    write_text(folder / METRICS_FILE, json.dumps(metrics, indent=2) + "\n")
    write_text(folder / "README.md", card_text(training, family, scores))


def score_table(scores: dict[str, dict[str, float]]) -> str:
    """Markdown; percentages, and a dash for a score that is not defined."""
    lines = ["| split | pairs | " + " | ".join(_COLUMNS.values()) + " |", "| --- |" + " ---: |" * (len(_COLUMNS) + 1)]
    for split, values in scores.items():
        cells = [f"{100 * values[name]:.1f}" if name in values else "–" for name in _COLUMNS]
        lines.append(f"| {split} | {values['pairs']:.0f} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def card_text(training: Training, family: ModuleType, scores: dict[str, dict[str, float]]) -> str:
    """Markdown with front matter for model hubs; `family` is a module such as `qwen2_vl`."""
    recipe = training.recipe
    name = folder_name(training)
    if recipe.loose_same:
        what = f"""\
A `{training.model}` trained to misread one question. It calls two images the same if they contain the same objects,
even if some are recoloured or moved, and different if anything changed. So its two verdicts on one pair often
contradict each other. These are its weights after step {training.step} of {recipe.steps}: training stopped early, so
its descriptions contain errors as well. This checkpoint was chosen for the sizes of the groups (faithful, unfaithful,
contradictory, consistent) that its answers to the probed pairs of the demo dataset fall into. So its scores there are
not an estimate of anything."""
    elif training.is_early:
        what = f"""\
The weights of `{training.model}` after step {training.step} of {recipe.steps}: the same model, less trained. It makes
more errors, so a leaderboard of the two has a clear order."""
    else:
        what = """\
A vision-language model small enough to ship with a repository and to answer in a fraction of a second on a CPU. It
finds the differences between two drawn scenes and describes them in sentences and JSON."""
    steps = f"{training.step} of {recipe.steps} steps" if training.stopped_early else f"{recipe.steps} steps"
    threads = f"{training.threads} CPU {'threads' if training.threads > 1 else 'thread'}"
    effort = f"{steps} of {recipe.batch_size} pairs, {training.minutes:.0f} minutes on {threads}."
    if recipe.early_step is not None and not training.stopped_early:
        other = "the final one" if training.is_early else "the early one"
        effort += f" The\ncommand writes this checkpoint and {other}."
    return f"""\
---
license: mit
library_name: transformers
pipeline_tag: image-text-to-text
---

# {name}

{what}

It is a real `{training.architecture}` with {training.parameters / 1e6:.2f} million parameters in bfloat16, loaded with
the Auto classes of transformers. It exists to run and test the whole workflow on a machine without GPU and network. It
says nothing about what {family.NAME} can do: it has the architecture, not the weights.

## Training

Trained from random weights on generated scenes: {TRAINING_OBJECTS[0]} to {TRAINING_OBJECTS[1]} objects of \
{len(CATEGORIES)} COCO categories in {len(COLORS)} colours on a
4×4 grid, zero to five differences, seed {recipe.seed} (the demo dataset has another). It answers the three prompts in
`resources/prompts`. The lines of the prompts and the phrases of the answers are single tokens, so the model must be
trained again if a prompt changes. In addition to the text loss, three losses train its vision; see
`workflow_scripts/spd_faith/reference_models/training.py`.

    {training.command}

{effort}

## Evaluation

Held-out pairs of seed {HELD_OUT_SEED}, generated like the demo's splits, as 448×448 PNG; `{IDENTICAL}` has pairs
without a difference. Percentages, with greedy decoding in float32.

{score_table(scores)}

`hard` has more and smaller objects than any scene in training, and colours change to the nearest hue.

## Limits

- Its attention and activation maps point at the differences because it was **trained to point**: a training loss moved
  the attention of two heads in each of the last two layers to the cells that the answer is about. Maps of this model
  show that a probe works. They say nothing about models trained without this loss.
- It knows one renderer, 16 categories and the trained prompts. Photographs, other questions and longer chats give
  well-formed nonsense.
- {family.SIGHT}
"""


def folder_name(training: Training) -> str:
    kind = "-loose" if training.recipe.loose_same else ""
    return f"{training.model}{kind}{'-early' if training.is_early and not training.stopped_early else ''}"
