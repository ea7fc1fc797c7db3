"""The checkpoints in `resources/models`: small, loadable, and as good as their cards say."""

import json
from pathlib import Path

import pytest

from spd_faith.core.config import registry_entry
from spd_faith.dataset.demo import demo_pairs
from spd_faith.inference.prompts import load_prompts
from spd_faith.reference_models.card import METRICS_FILE
from spd_faith.reference_models.evaluation import ask, held_out_pairs, load, split_scores

ROOT = Path(__file__).parents[2]
FINAL, EARLY = (ROOT / "resources/models" / name for name in ("tiny-qwen2-vl", "tiny-qwen2-vl-early"))
PROMPTS = load_prompts(ROOT / "resources/prompts")
both = pytest.mark.parametrize("folder", [FINAL, EARLY], ids=lambda folder: folder.name)


def metrics(folder: Path) -> dict:
    return json.loads((folder / METRICS_FILE).read_text())


@both
def test_folder_is_small(folder: Path):
    assert sum(file.stat().st_size for file in folder.iterdir()) < 4_000_000


@both
def test_card_is_in_step_with_the_metrics(folder: Path):
    """Read the card's table back."""
    lines = (folder / "README.md").read_text().splitlines()
    columns = ("pairs", "type_f1", "category_f1", "exact", "verdicts", "json")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][2:]
    held_out = metrics(folder)["held_out"]
    assert [row[0] for row in rows] == list(held_out) == ["easy", "medium", "hard", "multi_diff", "identical"]
    for split, *cells in rows:
        for name, cell in zip(columns, cells, strict=True):
            if cell == "–":
                assert name not in held_out[split]
            else:
                assert float(cell) == pytest.approx(held_out[split][name] * (1 if name == "pairs" else 100), abs=0.051)
    assert f"{metrics(folder)['training']['recipe']['steps']} steps" in "\n".join(lines)


def test_final_model_sees_and_still_errs_and_the_early_one_errs_more():
    final, early = metrics(FINAL)["held_out"], metrics(EARLY)["held_out"]
    assert final["easy"]["type_f1"] >= 0.85
    assert final["hard"]["exact"] < 1
    assert final["multi_diff"]["exact"] < 1
    for split in ("easy", "medium", "hard", "multi_diff"):
        assert 0.5 < early[split]["type_f1"] < final[split]["type_f1"]
        assert early[split]["exact"] < final[split]["exact"]


@pytest.mark.slow
def test_final_model_sees_the_easy_split_of_the_demo():
    pairs = demo_pairs(registry_entry("datasets", ROOT / "config/datasets.yaml", "demo"))
    easy = [pair.scenes for pair in pairs if pair.split == "easy"]
    assert len(easy) == 40
    answers = ask(load(FINAL), PROMPTS, easy)
    assert split_scores(answers)["type_f1"] >= 0.85
    assert answers[0].texts == {
        "describe": "There is one difference. First, the bus has been removed.\n"
        '{"predicted_num": 1, "structured_output": [{"type": "remove", "category": "bus"}]}',
        "same": "No, the two pictures are not the same. The bus has been removed.",
        "different": "Yes, the two pictures are different. The bus has been removed.",
    }


@pytest.mark.slow
@both
def test_scores_of_the_card_are_those_of_the_weights(folder: Path):
    """The first pairs again: their share of right answers lies within four standard errors of the card's."""
    scores = split_scores(ask(load(folder), PROMPTS, held_out_pairs(24)["easy"]))
    told = metrics(folder)["held_out"]["easy"]["exact"]
    assert abs(scores["exact"] - told) <= 4 * (max(told * (1 - told), 0.01) / 24) ** 0.5
