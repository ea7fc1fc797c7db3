"""The checkpoints in `resources/models`: small, loadable, and as good as their cards say."""

import json
from pathlib import Path
from types import ModuleType

import pytest
from safetensors import safe_open
from transformers import AutoProcessor
from transformers.utils import is_torchvision_available

from spd_faith.dataset.demo import demo_pairs
from spd_faith.dataset.entries import DATASETS
from spd_faith.inference.prompts import load_prompts
from spd_faith.reference_models import internvl, llava, qwen2_vl
from spd_faith.reference_models.card import METRICS_FILE, Training, card_text
from spd_faith.reference_models.evaluation import ask, held_out_pairs, load, split_scores
from spd_faith.reference_models.training import Recipe

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "resources/models"
PROMPTS = load_prompts(ROOT / "resources/prompts")
FAMILIES = {"tiny-qwen2-vl": qwen2_vl, "tiny-internvl": internvl, "tiny-llava": llava}
EARLY = "tiny-qwen2-vl-early"
every_final_model = pytest.mark.parametrize(("name", "family"), FAMILIES.items(), ids=FAMILIES)
LOOSE = {"tiny-qwen2-vl-loose": qwen2_vl, "tiny-internvl-loose": internvl}
ALL = FAMILIES | {EARLY: qwen2_vl} | LOOSE
every_model = pytest.mark.parametrize(("name", "family"), ALL.items(), ids=ALL)


def metrics(name: str) -> dict:
    return json.loads((MODELS / name / METRICS_FILE).read_text())


@every_model
def test_folder_is_small_and_of_its_family(name: str, family: ModuleType):
    assert sum(file.stat().st_size for file in (MODELS / name).iterdir()) < 4_000_000
    config = json.loads((MODELS / name / "config.json").read_text())
    assert config["model_type"] == family.MODEL_TYPE
    assert config["architectures"] == [metrics(name)["training"]["architecture"]]
    assert config["dtype"] == "bfloat16"


@every_model
@pytest.mark.skipif(not is_torchvision_available(), reason="transformers has no video processors without torchvision")
def test_plain_auto_processor_loads_it(name: str, family: ModuleType):
    """As other programs do; a processor with a video part is complete only where its settings are there."""
    processor = AutoProcessor.from_pretrained(MODELS / name)
    assert hasattr(processor, "image_processor")
    assert hasattr(processor, "video_processor") is (family is not llava)


def test_llava_has_the_weight_names_of_published_checkpoints():
    """Of llava-hf/llava-1.5-7b-hf, `model.safetensors.index.json`."""
    with safe_open(MODELS / "tiny-llava/model.safetensors", "pt") as file:
        names = set(file.keys())
    towers = {name for name in names if name.startswith("vision_tower.")}
    assert towers and all(name.startswith("vision_tower.vision_model.") for name in towers)
    assert "vision_tower.vision_model.encoder.layers.0.self_attn.q_proj.weight" in names
    assert {"language_model.model.embed_tokens.weight", "multi_modal_projector.linear_1.weight"} <= names


@every_model
def test_card_is_what_the_command_writes(name: str, family: ModuleType):
    recorded = metrics(name)
    training = Training(**recorded["training"] | {"recipe": Recipe(**recorded["training"]["recipe"])})
    assert (MODELS / name / "README.md").read_text() == card_text(training, family, recorded["held_out"])


@every_model
def test_card_is_in_step_with_the_metrics(name: str, family: ModuleType):
    """Read the card's table back."""
    lines = (MODELS / name / "README.md").read_text().splitlines()
    columns = ("pairs", "type_f1", "category_f1", "exact", "verdicts", "json")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][2:]
    held_out = metrics(name)["held_out"]
    assert [row[0] for row in rows] == list(held_out) == ["easy", "medium", "hard", "multi_diff", "identical"]
    for split, *cells in rows:
        for column, cell in zip(columns, cells, strict=True):
            if cell == "–":
                assert column not in held_out[split]
            else:
                scale = 1 if column == "pairs" else 100
                assert float(cell) == pytest.approx(held_out[split][column] * scale, abs=0.051)
    card = "\n".join(lines)
    assert f"{metrics(name)['training']['recipe']['steps']} steps" in card
    assert f"what {family.NAME} can do" in card


@every_final_model
def test_final_model_sees_and_still_errs(name: str, family: ModuleType):
    held_out = metrics(name)["held_out"]
    assert held_out["easy"]["type_f1"] >= 0.85
    assert held_out["hard"]["exact"] < 1
    assert held_out["multi_diff"]["exact"] < 1


def test_early_model_errs_more():
    final, early = metrics("tiny-qwen2-vl")["held_out"], metrics(EARLY)["held_out"]
    for split in ("easy", "medium", "hard", "multi_diff"):
        assert 0.5 < early[split]["type_f1"] < final[split]["type_f1"]
        assert early[split]["exact"] < final[split]["exact"]


@pytest.mark.parametrize("name", LOOSE)
def test_loose_model_errs_where_it_was_taught_to_and_is_stopped_early(name: str):
    """Two of three differences are moves and colours, about which one of its two verdicts is wrong."""
    recorded, usual = metrics(name)["held_out"], metrics(name.removesuffix("-loose"))["held_out"]
    for split in ("easy", "medium", "hard"):
        assert 0.4 < recorded[split]["verdicts"] < 0.8 < usual[split]["verdicts"]
        assert 0.2 < recorded[split]["exact"] < usual[split]["exact"]


@pytest.mark.slow
@every_final_model
def test_final_model_sees_the_easy_split_of_the_demo(name: str, family: ModuleType):
    pairs = demo_pairs(DATASETS.load_entry(ROOT / "config/datasets.yaml", "demo"))
    easy = [pair.scenes for pair in pairs if pair.split == "easy"]
    assert len(easy) == 40
    answers = ask(load(MODELS / name, family.IMAGE_LAYOUT), PROMPTS, easy)
    assert split_scores(answers)["type_f1"] >= 0.85
    assert answers[0].texts == {
        "describe": "There is one difference. First, the bus has been removed.\n"
        '{"predicted_num": 1, "structured_output": [{"type": "remove", "category": "bus"}]}',
        "same": "No, the two pictures are not the same. The bus has been removed.",
        "different": "Yes, the two pictures are different. The bus has been removed.",
    }


@pytest.mark.slow
@every_model
def test_scores_of_the_card_are_those_of_the_weights(name: str, family: ModuleType):
    """The first pairs again: their fraction of correct answers is within four standard errors of the card's."""
    scores = split_scores(ask(load(MODELS / name, family.IMAGE_LAYOUT), PROMPTS, held_out_pairs(24)["easy"]))
    recorded = metrics(name)["held_out"]["easy"]["exact"]
    assert abs(scores["exact"] - recorded) <= 4 * (max(recorded * (1 - recorded), 0.01) / 24) ** 0.5
