"""The reference models were trained to point at what differs: their attention and maps must be seen to do so."""

import pandas as pd
import pyarrow as pa
import pytest
from probes.probed import ROOT, entry, load_probed

from spd_faith.dataset.demo import demo_pairs, image_row, sample_row
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.entries import DemoDataset, DemoSplit
from spd_faith.inference.prompts import load_prompts
from spd_faith.probes.forward import run_pass
from spd_faith.probes.writing import start_probes

SPLITS = {"easy": [1, 1], "medium": [1, 1], "multi_diff": [2, 3]}  # how many differences
DATASET = DemoDataset(
    source="demo",
    seed=600,
    splits={name: DemoSplit(pairs=6, objects=[5, 7], differences=number) for name, number in SPLITS.items()},
)
PAIRS = list(demo_pairs(DATASET))


def measured(model, layout, task):
    """Tables of both probes for a model's answers."""
    probed = load_probed(entry(ROOT / "resources" / "models" / model, layout, max_new_tokens=128))
    text = load_prompts(ROOT / "resources" / "prompts")[task].text
    samples = {pair.sample_id: sample_row(pair) for pair in PAIRS}
    shown = [(text, *(decode(image_row(pair)[name]) for name in ("original", "modified"))) for pair in PAIRS]
    answers = [generation.token_ids for generation in probed.generator.generate(shown)]
    probes = start_probes(["token_activation_map", "grounding"], samples, probed.tokenizer)
    tables = ([], [])
    passes = run_pass(probed.model, probed.prepared(shown, answers))
    for sample_id, outcome in zip(samples, passes, strict=True):
        for found, probe in zip(tables, probes, strict=True):
            found += probe.tables(sample_id, task, outcome)
    return [pa.concat_tables(found).to_pandas() for found in tables]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "layout"), [("tiny-qwen2-vl", "pair"), ("tiny-internvl", "pair"), ("tiny-llava", "merged")]
)
def test_maps_and_attention_lie_on_the_differences(model, layout):
    maps, grounding = measured(model, layout, "describe")
    assert set(maps["status"]) == set(grounding["status"]) == {"ok"}
    last = grounding[grounding["layer"] == grounding["layer"].max()]
    assert len(last) == len(PAIRS)
    assert last["tam_hit"].mean() > 3 * last["tam_chance"].mean()
    for baseline in ("random", "unchanged", "other_sample"):
        assert last["attention_true"].mean() > 3 * last[f"attention_{baseline}"].mean()
        assert last["tam_true"].mean() > 1.5 * last[f"tam_{baseline}"].mean()
    first = grounding[grounding["layer"] == 0]
    assert first["attention_over_random"].mean() == pytest.approx(1, abs=0.2)  # where nothing is known yet
    content = maps.dropna(subset="hit").groupby("sample_id")[["hit", "chance"]].mean()
    by_sample = last.set_index("sample_id")[["tam_hit", "tam_chance"]]
    pd.testing.assert_frame_equal(
        content, by_sample.sort_index().set_axis(["hit", "chance"], axis=1), check_dtype=False, rtol=1e-5
    )
