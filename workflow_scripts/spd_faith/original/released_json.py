"""The JSON of the benchmark's probe commands, with their keys, from our tables.

Sources: analysis/{analyze_layer_changes,layer_analysis_generation,neuron_activation,eval_cosine}.py of
github.com/Johanson-colab/SPD-Faith-Bench at commit 0060864. Our numbers are over the answer states; the released
commands for layers and neurons run the prompt alone.
"""

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from spd_faith.core.files import read_table, write_text
from spd_faith.core.schemas import RESPONSES
from spd_faith.dataset.pairs import Pair
from spd_faith.original.json_files import write_json
from spd_faith.original.probe_pairs import ProbedPairs
from spd_faith.original.probe_settings import ProbeSettings
from spd_faith.original.prompt_facts import PromptFacts
from spd_faith.probes.groups import CONSISTENCY, PROBE_GROUPS, members
from spd_faith.probes.registry import PROBES

_RELEASED_LABELS = {True: 1, False: 0, None: -1}
# our column for each released key
_LAYER_CHANGES = {
    "mha_change": "attention_change",
    "ffn_change": "ffn_change",
    "mha_relative": "attention_relative_of_means",
    "ffn_relative": "ffn_relative_of_means",
    "mha_cosine": "attention_cosine",
    "ffn_cosine": "ffn_cosine",
    "kl_attn_ffn": "kl_attention_ffn",
}
_ATTENTION = {"attn_sys": "published_system", "attn_img": "published_visual", "attn_user": "published_user"}
_SIMILARITY = {
    "hs_cosine_similarity": "cosine_released",
    "icr_same": "icr_simple_released_same",
    "icr_diff": "icr_simple_released_different",
}
_SIMILARITY_OF_SAMPLE = {  # the same in all rows of a sample
    "icr_divergence": "sample_divergence_released",
    "avg_cosine_similarity": "sample_cosine_released",
    "faithfulness_score": "sample_score_released",
}

log = logging.getLogger(__name__)


def write_released_json(settings: ProbeSettings, probed: ProbedPairs, facts: PromptFacts | None) -> list[Path]:
    """Write the JSON that the flags ask for; returns its files. `facts` are needed for generation_attention."""
    pairs = {pair.sample_id: pair for pair in probed.pairs}
    writers: dict[str, Callable[[], list[Path]]] = {
        "layer_changes": partial(_write_layer_changes, settings, pairs, probed.records),
        "neuron_activation": partial(_write_neuron_activation, settings, pairs, probed.records),
        "hidden_similarity": partial(_write_hidden_similarity, settings, pairs, probed.records),
    }
    if facts:
        writers["generation_attention"] = partial(_write_generation_attention, settings, pairs, facts)
    wanted = [name for name in settings.probes if settings.json or settings.writes_one_json]
    return [path for name in wanted if name in writers for path in writers[name]()]


def _measured(folder: Path, probe: str, task: str | None = None) -> dict[str, pd.DataFrame]:
    """The rows of each measured sample; logs how many were not measured."""
    table = read_table(PROBES[probe].path_in(folder), PROBES[probe].schema).to_pandas()
    if task:
        table = table[table["task"] == task]
    measured = table[table["status"] == "ok"]
    if missing := table["sample_id"].nunique() - measured["sample_id"].nunique():
        log.warning("%s: samples without numbers, which are not in the JSON: %d", probe, missing)
    return {str(sample_id): rows for sample_id, rows in measured.groupby("sample_id", sort=False)}


def _image(pair: Pair, record: Mapping[str, Any]) -> str:
    named = record.get("image")
    return named if isinstance(named, str) else _image_file(pair)


def _image_file(pair: Pair) -> str:
    """The name of the merged image, else of the original one."""
    return (pair.images.get("merged") or pair.images["original"]).path.name


def _numbers(values: Iterable[float]) -> list[float | None]:
    """The values, with None for nan."""
    return [None if value != value else float(value) for value in values]


# ---- analyze_layer_changes.py ----------------------------------------------------------------------------------------


def _write_layer_changes(
    settings: ProbeSettings, pairs: Mapping[str, Pair], records: Mapping[str, Mapping[str, Any]]
) -> list[Path]:
    content = []
    for sample_id, rows in _measured(settings.folder, "layer_changes", "same").items():
        values = {key: _numbers(rows[column]) for key, column in _LAYER_CHANGES.items()}
        layers = {
            str(layer): {key: of_key[place] for key, of_key in values.items()}
            for place, layer in enumerate(rows["layer"].astype(int))
        }
        pair = pairs[sample_id]
        content.append(
            {
                "image": _image(pair, records.get(sample_id, {})),
                "is_faithful": _RELEASED_LABELS[pair.truth.is_faithful],
                "layer_changes": layers,
            }
        )
    asked_for = settings.output_file if settings.writes_one_json else None
    path = asked_for or settings.folder / "layer_changes.json"
    write_json(path, content)
    return [path]


# ---- neuron_activation.py --------------------------------------------------------------------------------------------


def _write_neuron_activation(
    settings: ProbeSettings, pairs: Mapping[str, Pair], records: Mapping[str, Mapping[str, Any]]
) -> list[Path]:
    lines = []
    for sample_id, rows in _measured(settings.folder, "neuron_activation", "same").items():
        pair, record = pairs[sample_id], records.get(sample_id, {})
        label = _RELEASED_LABELS[pair.truth.is_faithful]
        own = {"qid": pair.image_id, "image": _image(pair, record), "is_faithful": label}
        line = {**(record or own), "activations_avg": _numbers(rows["active_share_of_sum"])}
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    beside = settings.output_pdf.with_suffix("") if settings.output_pdf else settings.folder / "neuron_activation"
    path = beside.with_name(f"{beside.name}_data.jsonl")
    write_text(path, "".join(lines))
    return [path]


# ---- layer_analysis_generation.py ------------------------------------------------------------------------------------


def _write_generation_attention(settings: ProbeSettings, pairs: Mapping[str, Pair], facts: PromptFacts) -> list[Path]:
    measured = _measured(settings.folder, "generation_attention", settings.released_task)
    names = {sample_id: re.sub(r"[^\w.-]", "_", pairs[sample_id].image_id) for sample_id in measured}
    repeated = Counter(names.values())
    paths = []
    for sample_id, rows in measured.items():
        name = names[sample_id] if repeated[names[sample_id]] == 1 else sample_id.replace("/", "_")
        path = settings.folder / f"sample_{name}_generation_data.json"
        first_layer = rows[rows["layer"] == rows["layer"].min()]
        content = {
            "sample_id": pairs[sample_id].image_id,
            "question": facts.questions[sample_id],
            "generated_tokens": [facts.token_texts[token_id] for token_id in first_layer["token_id"]],
            "attention_data": {
                str(layer): [_attention(row, facts) for row in of_layer.to_dict("records")]
                for layer, of_layer in rows.astype({"layer": int}).groupby("layer")
            },
            "input_info": dict(facts.lengths[sample_id]),
        }
        write_json(path, content)
        paths.append(path)
    return paths


def _attention(row: Mapping[Any, Any], facts: PromptFacts) -> dict[str, Any]:
    return {"token": facts.token_texts[row["token_id"]], **{key: row[column] for key, column in _ATTENTION.items()}}


# ---- eval_cosine.py --------------------------------------------------------------------------------------------------


def _write_hidden_similarity(
    settings: ProbeSettings, pairs: Mapping[str, Pair], records: Mapping[str, Mapping[str, Any]]
) -> list[Path]:
    groups, texts = _consistency(settings.folder), _texts(settings.folder)
    by_group: dict[str, list[dict[str, Any]]] = {CONSISTENCY.group: [], CONSISTENCY.reference: []}
    measured = _measured(settings.folder, "hidden_similarity")
    for sample_id, rows in measured.items():
        pair, group = pairs[sample_id], groups.get(sample_id)
        if group is None:
            continue
        result: dict[str, Any] = {"image": _image_file(pair)}
        result |= {f"output_{task}": texts.get((sample_id, task), "") for task in ("same", "different")}
        result |= _similarity(rows)
        if group == CONSISTENCY.group:
            contradiction = records.get(sample_id, {}).get("contradiction_type")
            result |= {"contradiction_type": contradiction, "sample_id": pair.image_id}
        by_group[group].append(result)
    if without_group := len(measured) - sum(map(len, by_group.values())):
        log.warning("hidden_similarity: samples with an unclear verdict, which are not in the JSON: %d", without_group)
    contradictory, faithful = by_group.values()
    name = Path(settings.model_name).name
    path = settings.folder / f"{name}_faithfulness_analysis.json"
    content = {
        "model": name,
        "contradictory_samples": contradictory,
        "faithful_samples": faithful,
        "statistics": {"contradictory": _means(contradictory), "faithful": _means(faithful)},
    }
    write_json(path, content)
    return [path]


def _consistency(folder: Path) -> dict[str, str]:
    """The group of each sample that has one."""
    groups = members(read_table(folder / "groups.parquet", PROBE_GROUPS).to_pandas(), CONSISTENCY)
    return dict(zip(map(str, groups.index), map(str, groups["group"]), strict=True))


def _texts(folder: Path) -> dict[tuple[str, str], str]:
    responses = read_table(folder / "responses.parquet", RESPONSES, columns=["sample_id", "task", "response_text"])
    return {(row["sample_id"], row["task"]): row["response_text"] for row in responses.to_pylist()}


def _similarity(rows: pd.DataFrame) -> dict[str, Any]:
    """The released numbers of a sample."""
    by_layer = {key: _numbers(rows[column]) for key, column in _SIMILARITY.items()}
    return by_layer | {key: float(rows[column].iloc[0]) for key, column in _SIMILARITY_OF_SAMPLE.items()}


def _means(results: list[dict[str, Any]]) -> dict[str, float]:
    names = {
        "avg_cosine_sim": "avg_cosine_similarity",
        "avg_icr_divergence": "icr_divergence",
        "avg_faithfulness_score": "faithfulness_score",
    }
    return {key: fmean(result[name] for result in results) for key, name in names.items()} if results else {}
