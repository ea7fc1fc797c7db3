"""Configuration errors are reported in one message; identities, schemas and the merged configuration."""

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import jsonschema
import pytest
import yaml

from spd_faith.core.config import json_schemas, load_run
from spd_faith.core.entries import Resources, identity
from spd_faith.core.errors import UserError
from spd_faith.core.files import sha256
from spd_faith.core.paths import ResultPaths
from spd_faith.core.run_config import (
    config_file,
    is_default,
    leaderboard_labels,
    read_recorded_run,
    read_run,
    write_config_file,
)
from spd_faith.dataset.entries import DemoDataset, FolderDataset, HubDataset, JsonlDataset
from spd_faith.inference.entries import MODELS, OpenAIModel, ResponsesFileModel, TransformersModel, VllmModel
from spd_faith.judging.entries import JUDGES, OpenAIJudge, RulesJudge, VllmJudge
from spd_faith.registry import REGISTRY

PATHS = ResultPaths(Path("results/demo"))
CONFIG_FOLDER = Path(__file__).parents[2] / "config"

GOOD = {
    "config.yaml": """\
dataset: demo
models: [tiny, big]
judges: [rules]
scoring: {dqr: recall, ds: detection}
statistics: {resamples: 10000, seed: 0}
""",
    "datasets.yaml": """\
demo:
  source: demo
  seed: 7
  splits:
    easy: {pairs: 40, objects: [3, 4], differences: [1, 2]}
bench:
  source: hub
  repository: owner/bench
  splits: {easy: 1000, hard: null}
""",
    "models.yaml": """\
tiny:
  label: Tiny
  backend: transformers
  model: checkpoint
  dtype: float32
  max_new_tokens: 64
  batch_size: 4
  pixel_budget: {min_pixels: 3136, max_pixels: 12544}
  resources: {gpu: 1, threads: 2, mem_mb: 4000, runtime: 30}
big:
  backend: transformers
  model: owner/big
  revision: main
  dtype: bfloat16
  max_new_tokens: 1024
  requires_gpu: true
served:
  backend: openai
  base_url: https://api.example.org/v1
  model: served-2026-01-01
  key_variable: SERVED_KEY
  max_new_tokens: 512
  prices: {input: 2.5, output: 10, source: https://example.org/prices, date: "2026-11-01"}
  max_usd: 20
  concurrency: 4
sibling:
  backend: openai
  base_url: https://api.example.org/v1
  model: sibling
  max_new_tokens: 512
  concurrency: 4
elsewhere:
  backend: responses_file
  path: config/models.yaml
""",
    "judges.yaml": """\
rules:
  judge: rules
paid:
  judge: openai
  base_url: https://judge.example.org/v1
  key_variable: JUDGE_KEY
  max_new_tokens: 2048
  concurrency: 3
""",
}

UNQUOTED, IN_QUOTES = "a name that YAML does not read as text", "text in quotes"
NO_NUMBER = "a number that YAML reads as text"
NAME_RULE = "letters, digits, '.', '_' and '-', starting with a letter or digit (used in file names)"
SPLIT_KEYS = "differences, objects, pairs"
MODEL_KEYS = (
    "attention, backend, batch_size, device_map, dtype, generation, image_layout, intervention, label, max_new_tokens, "
    "model, pixel_budget, requires_gpu, resources, revision"
)
MODEL_NAMES = "tiny, big, served, sibling, elsewhere"
RUN_KEYS = "dataset, inference, judges, labels, models, probes, scoring, statistics"
SOURCES = "demo, hub, folder, jsonl"
BACKENDS = "transformers, vllm, openai, responses_file"
OPENAI_KEYS = (
    "attempts, backend, base_url, base_url_variable, concurrency, generation, image_layout, image_tokens, images, "
    "key_variable, label, length_field, max_new_tokens, max_usd, model, prices, request, resources, timeout"
)
JUDGE_KEYS = (
    "attempts, base_url, base_url_variable, concurrency, generation, images, judge, key_variable, label, length_field, "
    "max_answer_characters, max_new_tokens, max_usd, models, prompt, repeats, request, resources, structured_output, "
    "timeout"
)
RESOURCE_KEYS = "gpu, mem_mb, partition, runtime, threads"


CHANGED = """\
changed:
  backend: transformers
  model: checkpoint
  dtype: float32
  max_new_tokens: 64
  intervention: {ffn_scale: {factor: 0.5}}
"""


@dataclass
class Case:
    """Replaces `old` in the valid `file` with `new`; the other fields are the expected parts of the message."""

    file: str
    old: str
    new: str
    key: str
    what: str
    found: str | None
    allowed: str
    nearest: str | None = None

    def message(self) -> str:
        place = f"config/{self.file}: {self.key}" if self.key else f"config/{self.file}"
        lines = [f"{place}: {self.what}"]
        lines += [f"  found:   {self.found}"] if self.found else []
        lines += [f"  allowed: {self.allowed}"]
        lines += [f"  nearest: {self.nearest}"] if self.nearest else []
        return "\n".join(lines)


run_case = partial(Case, "config.yaml")
dataset_case = partial(Case, "datasets.yaml")
model_case = partial(Case, "models.yaml")
judge_case = partial(Case, "judges.yaml")

CASES = {
    # config.yaml: what a run uses
    "unknown key": run_case(
        "scoring:", "scorng:", "scorng", "unknown key", "'scorng'", RUN_KEYS,
        "scoring",
    ),
    "key of no string": run_case(
        "scoring:", "7:", "7", "unknown key", "7", RUN_KEYS,
    ),
    "unknown nested key": run_case(
        "seed: 0", "sed: 0", "statistics.sed", "unknown key", "'sed'", "resamples, seed", "seed",
    ),
    "missing key": run_case(
        "judges: [rules]\n", "", "judges", "missing key", None,
        "Keys in the judges file; the leaderboard has one row per model and judge.",
    ),
    "unknown dataset": run_case(
        ": demo", ": demmo", "dataset", "no such entry in config/datasets.yaml", "'demmo'", "demo, bench", "demo",
    ),
    "unknown model": run_case(
        "[tiny, big]", "[tinny]", "models", "no such entry in config/models.yaml", "'tinny'", MODEL_NAMES, "tiny",
    ),
    "unknown model, unlike any": run_case(
        "[tiny, big]", "[tiny, GPT]", "models", "no such entry in config/models.yaml", "'GPT'", MODEL_NAMES,
    ),
    "unknown judge": run_case(
        "[rules]", "[ruels]", "judges", "no such entry in config/judges.yaml", "'ruels'", "rules, paid", "rules",
    ),
    "null for a name": run_case(": demo", ":", "dataset", "wrong value", "null", "a valid string"),
    "number for a name": run_case(": demo", ": 3", "dataset", "wrong value", "3", "a valid string"),
    "list for a name": run_case(": demo", ": [demo]", "dataset", "wrong value", "['demo']", "a valid string"),
    "name for a list": run_case("[tiny, big]", "tiny", "models", "wrong value", "'tiny'", "a valid list"),
    "number in a list of names": run_case("[tiny, big]", "[tiny, 3]", "models.1", "wrong value", "3", "a valid string"),
    "no models": run_case(
        "[tiny, big]", "[]", "models", "wrong value", "[]",
        "List should have at least 1 item after validation, not 0",
    ),
    "a model twice": run_case(
        "[tiny, big]", "[tiny, big, tiny]", "models", "duplicates: tiny", "['tiny', 'big', 'tiny']",
        "Keys in the models file, in any order.",
    ),
    "unknown definition": run_case(
        "recall", "recal", "scoring.dqr", "unknown value", "'recal'", "recall, exact", "recall",
    ),
    "other unknown definition": run_case(
        "detection", "counts", "scoring.ds", "unknown value", "'counts'", "detection, count", "count",
    ),
    "list for a mapping": run_case(
        "{dqr: recall, ds: detection}", "[recall]", "scoring", "wrong value", "['recall']", "the keys dqr, ds",
    ),
    "null for a mapping": run_case(
        "{dqr: recall, ds: detection}", "", "scoring", "wrong value", "null", "the keys dqr, ds",
    ),
    "too few resamples": run_case(
        "10000", "9999", "statistics.resamples", "wrong value", "9999", "greater than or equal to 10000",
    ),
    "text for a number": run_case(
        "10000", "'10000'", "statistics.resamples", "wrong value", "'10000'", "a valid integer",
    ),
    "fraction for a number": run_case(
        "10000", "10000.0", "statistics.resamples", "wrong value", "10000.0", "a valid integer",
    ),
    "negative seed": run_case(
        "seed: 0", "seed: -1", "statistics.seed", "wrong value", "-1", "greater than or equal to 0",
    ),
    "truth value for a number": run_case(
        "seed: 0", "seed: true", "statistics.seed", "wrong value", "True", "a valid integer",
    ),
    "a key twice": run_case(
        "judges: [rules]\n", "judges: [rules]\ndataset: bench\n", "", "not valid YAML",
        "\"line 4: duplicate key 'dataset'\"", "YAML keys and values",
    ),
    "a nested key twice": run_case(
        "ds: detection", "dqr: exact", "", "not valid YAML", "\"line 4: duplicate key 'dqr'\"",
        "YAML keys and values",
    ),
    # datasets.yaml
    "unknown source": dataset_case(
        "source: hub", "source: hubb", "bench.source", "unknown value", "'hubb'", SOURCES, "hub",
    ),
    "missing source": dataset_case("  source: demo\n", "", "demo.source", "missing key", None, SOURCES),
    "unknown dataset key": dataset_case(
        "seed: 7", "seed: 7\n  seeds: 8", "demo.seeds", "unknown key", "'seeds'",
        "controls, label, seed, source, splits", "seed",
    ),
    "hub key in a demo entry": dataset_case(
        "seed: 7", "seed: 7\n  repository: a/b", "demo.repository", "unknown key", "'repository'",
        "controls, label, seed, source, splits",
    ),
    "missing dataset key": dataset_case(
        "  repository: owner/bench\n", "", "bench.repository", "missing key", None,
        "Id of the dataset repository, owner/name.",
    ),
    "repository without owner": dataset_case(
        "owner/bench", "bench", "bench.repository", "not a valid name", "'bench'",
        "Id of the dataset repository, owner/name.",
    ),
    "repository with a space": dataset_case(
        "owner/bench", "owner/my bench", "bench.repository", "not a valid name", "'owner/my bench'",
        "Id of the dataset repository, owner/name.",
    ),
    "unknown split key": dataset_case(
        "pairs: 40", "pairs: 40, pair: 4", "demo.splits.easy.pair", "unknown key", "'pair'", SPLIT_KEYS, "pairs",
    ),
    "split name with a slash": dataset_case(
        "easy: {", "ea/sy: {", "demo.splits.ea/sy", "not a valid name", "'ea/sy'", NAME_RULE,
    ),
    "hub split name with a space": dataset_case(
        "easy: 1000", "ea sy: 1000", "bench.splits.ea sy", "not a valid name", "'ea sy'", NAME_RULE,
    ),
    "number for a split name": dataset_case("easy: {", "1: {", "demo.splits.1", UNQUOTED, "1", IN_QUOTES),
    "number for a hub split name": dataset_case(
        "easy: 1000", "2024: 1000", "bench.splits.2024", UNQUOTED, "2024", IN_QUOTES,
    ),
    "no splits": dataset_case(
        "{easy: 1000, hard: null}", "{}", "bench.splits", "wrong value", "{}",
        "Dictionary should have at least 1 item after validation, not 0",
    ),
    "no pairs": dataset_case(
        "pairs: 40", "pairs: 0", "demo.splits.easy.pairs", "wrong value", "0", "greater than or equal to 1",
    ),
    "no rows": dataset_case(
        "easy: 1000", "easy: 0", "bench.splits.easy", "wrong value", "0", "greater than or equal to 1",
    ),
    "reversed range": dataset_case(
        "[3, 4]", "[4, 3]", "demo.splits.easy.objects", "the lower bound 4 is above the upper bound 3", "[4, 3]",
        "[min, max] number of objects in the original image; two of the 16 cells stay free for moved objects.",
    ),
    "more differences than objects": dataset_case(
        "[1, 2]", "[1, 4]", "demo.splits", "easy: up to 4 differences require at least as many objects, not 3",
        "{'easy': {'pairs': 40, 'objects': [3, 4], 'differences': [1, 4]}}",
        "Settings of each split, by name.",
    ),
    "range above its limit": dataset_case(
        "[3, 4]", "[3, 15]", "demo.splits.easy.objects.1", "wrong value", "15", "less than or equal to 14",
    ),
    "range of one": dataset_case(
        "[1, 2]", "[1]", "demo.splits.easy.differences", "wrong value", "[1]",
        "List should have at least 2 items after validation, not 1",
    ),
    "number for a range": dataset_case(
        "[1, 2]", "1", "demo.splits.easy.differences", "wrong value", "1", "a valid list",
    ),
    "list for an entry": dataset_case(
        "bench:\n", "other: [demo]\nbench:\n", "other", "not an entry", "['demo']", "keys and values",
    ),
    "list for a split": dataset_case(
        "splits:\n", "splits:\n    hard: [40]\n", "demo.splits.hard", "wrong value", "[40]",
        "the keys pairs, objects, differences",
    ),
    # models.yaml
    "unknown backend": model_case(
        "label: Tiny\n  backend: transformers", "backend: transformer", "tiny.backend", "unknown value",
        "'transformer'", BACKENDS, "transformers",
    ),
    "missing backend": model_case(
        "label: Tiny\n  backend: transformers", "label: Tiny", "tiny.backend", "missing key", None, BACKENDS,
    ),
    "unknown model key": model_case(
        "max_new_tokens: 64", "max_new_token: 64\n  max_new_tokens: 64", "tiny.max_new_token", "unknown key",
        "'max_new_token'", MODEL_KEYS, "max_new_tokens",
    ),
    "missing model key": model_case(
        "  dtype: float32\n", "", "tiny.dtype", "missing key", None, "Data type of the weights and activations.",
    ),
    "model name with a slash": model_case("tiny:", "ti/ny:", "ti/ny", "not a valid name", "'ti/ny'", NAME_RULE),
    "model name with a space": model_case("tiny:", "ti ny:", "ti ny", "not a valid name", "'ti ny'", NAME_RULE),
    "model name with a leading dot": model_case("tiny:", ".tiny:", ".tiny", "not a valid name", "'.tiny'", NAME_RULE),
    "number for a model name": model_case("tiny:", "7:", "7", "not a valid name", "7", NAME_RULE),
    "unknown dtype": model_case(
        "bfloat16", "bflaot16", "big.dtype", "unknown value", "'bflaot16'", "float32, bfloat16, float16", "bfloat16",
    ),
    "eager attention": model_case(
        "max_new_tokens: 64", "max_new_tokens: 64\n  attention: eager", "tiny.attention", "unknown value", "'eager'",
        "sdpa, flash_attention_2",
    ),
    "unknown layout": model_case(
        "max_new_tokens: 64", "max_new_tokens: 64\n  image_layout: merge", "tiny.image_layout", "unknown value",
        "'merge'", "pair, merged", "merged",
    ),
    "no tokens": model_case(
        "max_new_tokens: 64", "max_new_tokens: 0", "tiny.max_new_tokens", "wrong value", "0",
        "greater than or equal to 1",
    ),
    "too many tokens": model_case(
        "max_new_tokens: 64", "max_new_tokens: 32769", "tiny.max_new_tokens", "wrong value", "32769",
        "less than or equal to 32768",
    ),
    "no batch": model_case(
        "batch_size: 4", "batch_size: 0", "tiny.batch_size", "wrong value", "0", "greater than or equal to 1",
    ),
    "text for a truth value": model_case(
        "requires_gpu: true", "requires_gpu: 'true'", "big.requires_gpu", "wrong value", "'true'", "a valid boolean",
    ),
    "number for a label": model_case("label: Tiny", "label: 72", "tiny.label", "wrong value", "72", "a valid string"),
    "empty model": model_case(
        "model: owner/big", "model: ''", "big.model", "wrong value", "''", "String should have at least 1 character",
    ),
    "missing labels": run_case(
        "scoring:", "labels: annotations/labels.parquet\nscoring:", "labels", "does not exist",
        "'annotations/labels.parquet'", "a Parquet file that import_annotations.py writes",
    ),
    "missing model folder": model_case(
        "model: checkpoint", "model: checkpiont", "tiny.model", "does not exist", "'checkpiont'",
        "a folder with config.json, or owner/name",
    ),
    "model folder without a config": model_case(
        "model: checkpoint", "model: config", "tiny.model", "does not exist", "'config'",
        "a folder with config.json, or owner/name",
    ),
    "unknown resource": model_case(
        "mem_mb: 4000", "mem: 4000", "tiny.resources.mem", "unknown key", "'mem'", RESOURCE_KEYS, "mem_mb",
    ),
    "negative resource": model_case(
        "gpu: 1", "gpu: -1", "tiny.resources.gpu", "wrong value", "-1", "greater than or equal to 0",
    ),
    "reversed pixel budget": model_case(
        "12544", "784", "tiny.pixel_budget", "the lower bound 3136 is above the upper bound 784",
        "{'min_pixels': 3136, 'max_pixels': 784}",
        "Pixels per image, for processors with a pixel budget; null: the processor's default.",
    ),
    "unknown device map": model_case(
        "batch_size: 4", "device_map: autto", "tiny.device_map", "unknown value", "'autto'", "auto", "auto",
    ),
    # judges.yaml
    "unknown judge kind": judge_case(
        "judge: rules", "judge: rule", "rules.judge", "unknown value", "'rule'", "rules, openai, vllm, panel", "rules",
    ),
    "unknown judge key": judge_case(
        "judge: rules", "judge: rules\n  lable: R", "rules.lable", "unknown key", "'lable'", "judge, label", "label",
    ),
    "unknown key of a paid judge": judge_case(
        "concurrency: 3", "repeat: 3", "paid.repeat", "unknown key", "'repeat'", JUDGE_KEYS, "repeats",
    ),
    "a metric that no judge has": judge_case(
        "concurrency: 3", "models: {crr: {model: m}}", "paid.models.crr", "unknown key", "'crr'", "cr, drf", "cr",
    ),
    "a form of the reply": judge_case(
        "concurrency: 3", "request: {response_format: {type: json_object}}", "paid.request",
        "set by the workflow: response_format", "{'response_format': {'type': 'json_object'}}",
        "Additional fields of each request; the n-th repetition adds n − 1 to the seed.",
    ),
    "another form of the reply": judge_case(
        "concurrency: 3", "request: {guided_json: {}}", "paid.request", "set by the workflow: guided_json",
        "{'guided_json': {}}", "Additional fields of each request; the n-th repetition adds n − 1 to the seed.",
    ),
    "an unknown way to ask for JSON": judge_case(
        "concurrency: 3", "structured_output: guided", "paid.structured_output", "unknown value", "'guided'",
        "json_schema, json_object_schema, structured_outputs, guided_json, json_object, none", "guided_json",
    ),
    "a limit in dollars and one model without prices": judge_case(
        "concurrency: 3", "max_usd: 3\n  models: {cr: {model: m, prices: {input: 1, output: 2, source: s, date: "
        '"2026-11-24"}}}', "paid.models", "max_usd cannot be enforced without the prices of both models",
        "{'cr': {'model': 'm', 'prices': {'input': 1, 'output': 2, 'source': 's', 'date': '2026-11-24'}}}",
        "The model for each metric.",
    ),
    "a judge twice": judge_case(
        "  judge: rules\n", "  judge: rules\nrules: {judge: rules}\n", "", "not valid YAML",
        "\"line 3: duplicate key 'rules'\"", "YAML keys and values",
    ),
    "null for an entry": judge_case("\n  judge: rules\n", "\n", "rules", "not an entry", "null", "keys and values"),
    "broken YAML": judge_case(
        GOOD["judges.yaml"], "rules:\n  judge: [rules\n", "", "not valid YAML",
        "\"line 3: expected ',' or ']', but got '<stream end>'\"", "YAML keys and values",
    ),
    "limits of a probe that shares its pass": run_case(
        "scoring:", "probes: {limits: {grounding: {}}}\nscoring:", "probes.limits.grounding",
        "not a probe with passes of its own; the others share theirs", "'grounding'", "causal_patching",
    ),
    "limits of an unknown probe": run_case(
        "scoring:", "probes: {limits: {patching: {}}}\nscoring:", "probes.limits.patching",
        "not a probe with passes of its own; the others share theirs", "'patching'", "causal_patching",
        "causal_patching",
    ),
    "limits with an unknown model": run_case(
        "scoring:", "probes: {limits: {causal_patching: {models: [tinny]}}}\nscoring:",
        "probes.limits.causal_patching.models.0", "no such entry in config/models.yaml", "'tinny'", MODEL_NAMES, "tiny",
    ),
    "limits with an endpoint": run_case(
        "scoring:", "probes: {limits: {causal_patching: {models: [tiny, served]}}}\nscoring:",
        "probes.limits.causal_patching.models.1", "not a model whose internals can be measured", "'served'",
        "tiny, big",
    ),
    "limits to no sample": run_case(
        "scoring:", "probes: {limits: {causal_patching: {samples_per_split: 0}}}\nscoring:",
        "probes.limits.causal_patching.samples_per_split", "wrong value", "0", "greater than or equal to 1",
    ),
    "shards of an unknown model": run_case(
        "scoring:", "inference: {shards: {tinny: 2}}\nscoring:", "inference.shards.tinny",
        "not a model that can be sharded", "'tinny'", "tiny, big", "tiny",
    ),
    "shards of an endpoint": run_case(
        "models: [tiny, big]", "models: [tiny, served]\ninference: {shards: {served: 2}}", "inference.shards.served",
        "not a model that can be sharded", "'served'", "tiny, big",
    ),
    "no shard": run_case(
        "scoring:", "inference: {shards: {tiny: 0}}\nscoring:", "inference.shards.tiny", "wrong value", "0",
        "greater than or equal to 1",
    ),
    "a key in the address": model_case(
        "base_url: https://api.example.org/v1\n  model: served", "base_url: https://key@example.org\n  model: served",
        "served.base_url", "not a valid name", "'https://key@example.org'",
        "URL of the endpoint, without /chat/completions.",
    ),
    "a key for the name of its variable": model_case(
        "key_variable: SERVED_KEY", "key_variable: sk-1234", "served.key_variable", "not a variable name",
        "'(hidden, because it may be an API key)'",
        "Environment variable that holds the API key; null: no key required. Never the key itself.",
    ),
    "prices without their date": model_case(
        ', date: "2026-11-01"}', "}", "served.prices.date", "missing key", None,
        "Date of the prices, for example 2026-11-24.",
    ),
    "a request field that has a key of its own": model_case(
        "max_usd: 20", "request: {temperature: 0, max_tokens: 9, stream: true}", "served.request",
        "set by other keys or by the workflow: max_tokens, stream",
        "{'temperature': 0, 'max_tokens': 9, 'stream': True}", "Extra fields of each request.",
    ),
    "unknown endpoint key": model_case(
        "max_usd: 20", "max_eur: 20", "served.max_eur", "unknown key", "'max_eur'", OPENAI_KEYS, "max_usd",
    ),
    "a limit without end": model_case(
        "max_usd: 20", "max_usd: .inf", "served.max_usd", "wrong value", "inf", "a finite number",
    ),
    "a price without end": model_case(
        "input: 2.5", "input: .inf", "served.prices.input", "wrong value", "inf", "a finite number",
    ),
    "no time": model_case(
        "max_usd: 20", "timeout: .nan", "served.timeout", "wrong value", "nan", "a finite number",
    ),
    "a number that YAML reads as text": model_case(
        "max_usd: 20", "max_usd: 1e-09", "served.max_usd", NO_NUMBER, "'1e-09'", "1.0e-09",
    ),
    "a price in quotes": model_case(
        "input: 2.5", 'input: "2.5"', "served.prices.input", NO_NUMBER, "'2.5'", "2.5",
    ),
    "an infinite number as text": model_case(
        "max_usd: 20", "max_usd: inf", "served.max_usd", "wrong value", "'inf'", "a valid number",
    ),
    "a negative price": model_case(
        "input: 2.5", "input: -1.5", "served.prices.input", "wrong value", "-1.5", "greater than or equal to 0",
    ),
    "unknown picture format": model_case(
        "max_usd: 20", "images: {format: jpg}", "served.images.format", "unknown value", "'jpg'",
        "jpeg, png", "jpeg",
    ),
    "list for a file": judge_case(
        GOOD["judges.yaml"], "- rules", "", "not a mapping", "['rules']", "keys and values",
    ),
    "empty file": judge_case(GOOD["judges.yaml"], "", "", "not a mapping", "null", "keys and values"),
}  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder with a good configuration, as the working directory."""
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    for name, text in GOOD.items():
        Path("config", name).write_text(text, encoding="utf-8")
    Path("checkpoint").mkdir()
    Path("checkpoint/config.json").write_text("{}")
    return tmp_path


def change(file: str, old: str, new: str) -> None:
    path = Path("config", file)
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def written(run) -> Path:
    """The file of the run's merged config, written."""
    path = config_file(run, PATHS)
    write_config_file(run, path)
    return path


def load(**overrides):
    """Load the run of the working directory, as if `overrides` came from the command line."""
    path = Path("config/config.yaml")
    return load_run(yaml.safe_load(path.read_text(encoding="utf-8")) | overrides, [path], REGISTRY)


def fault_of(**overrides) -> str:
    with pytest.raises(UserError) as caught:
        load(**overrides)
    return str(caught.value)


def test_good_configuration(project):
    run = load()
    assert run.config.dataset == "demo"
    assert list(run.models) == ["tiny", "big"]
    assert run.models["tiny"].resources.mem_mb == 4000
    assert run.models["big"].resources.mem_mb == 3000  # the default
    assert run.judges["rules"].judge == "rules"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_configuration(project, case):
    change(case.file, case.old, case.new)
    assert fault_of() == case.message()


def test_at_least_45_bad_configurations():
    assert len(CASES) >= 45


def test_missing_registry(project):
    Path("config/judges.yaml").rename("config/judgs.yaml")
    assert fault_of() == (
        "config/judges.yaml: no such file\n"
        "  allowed: config/config.yaml, config/datasets.yaml, config/judgs.yaml, config/models.yaml\n"
        "  nearest: config/judgs.yaml"
    )


def test_the_default_run_is_the_config_by_itself(project):
    assert is_default(load(), REGISTRY)
    assert is_default(load(models=["big", "tiny"]), REGISTRY)  # in another order
    assert not is_default(load(models=["tiny"]), REGISTRY)
    assert not is_default(load(statistics={"resamples": 20_000}), REGISTRY)


def test_a_config_with_ones_own_pairs_is_no_default_run(project):
    change("config.yaml", "dataset: demo", "dataset: own")
    folder = Path("pairs/easy/1")
    folder.mkdir(parents=True)
    text = Path("config/datasets.yaml").read_text() + "\nown:\n  source: folder\n  path: pairs\n"
    Path("config/datasets.yaml").write_text(text)
    assert not is_default(load(), REGISTRY)


def test_missing_config_file(project):
    with pytest.raises(UserError, match=r"config/confg\.yaml: no such file\n(.*\n)*  nearest: config/config\.yaml"):
        load_run({}, [Path("config/confg.yaml")], REGISTRY)


def test_broken_config_file(project):
    Path("config/config.yaml").write_text("dataset: demo\n\tmodels: [tiny]\n")
    with pytest.raises(UserError, match=r"config/config\.yaml: not valid YAML\n  found:   .line 2: .*\\\\t"):
        load_run({}, [Path("config/config.yaml")], REGISTRY)


def test_file_that_is_not_utf_8(project):
    Path("config/models.yaml").write_bytes("tiny: {label: Größe}".encode("latin-1"))
    message = fault_of()
    assert message.startswith("config/models.yaml: not a text file\n  found:   ")
    assert "0xf6 in position 16" in message  # ö
    assert message.endswith("\n  allowed: YAML in UTF-8")


def test_several_errors_are_reported_at_once(project):
    change("models.yaml", "dtype: float32", "dtype: float31")
    change("models.yaml", "revision: main", "revison: main")
    change("models.yaml", "gpu: 1", "gpu: one")
    lines = fault_of().splitlines()
    assert [line for line in lines if not line.startswith("  ")] == [
        "config/models.yaml: tiny.resources.gpu: wrong value",
        "config/models.yaml: tiny.dtype: unknown value",
        "config/models.yaml: big.revison: unknown key",
    ]


def test_several_unknown_names_are_reported_at_once(project):
    message = fault_of(dataset="demoo", models=["tiny", "small", "huge"])
    assert message.count("no such entry") == 3
    assert message.count("--config: ") == 3


def test_errors_name_the_file_that_holds_the_value(project):
    Path("config/other.yaml").write_text("dataset: bench\nscoring: {dqr: exact, ds: amount}\n")
    files = [Path("config/other.yaml"), Path("config/config.yaml")]
    merged = yaml.safe_load(GOOD["config.yaml"]) | {"dataset": "nench", "scoring": {"dqr": "recal", "ds": "amount"}}
    with pytest.raises(UserError) as caught:
        load_run(merged, files, REGISTRY)
    assert "config/other.yaml: scoring.ds: unknown value" in str(caught.value)
    assert "--config: scoring.dqr: unknown value" in str(caught.value)  # in neither file


def test_entries_may_share_keys_by_an_anchor(project):
    change("models.yaml", "big:", "small:\n  <<: &common {backend: transformers, dtype: float32}\n"
           "  model: owner/small\n  max_new_tokens: 8\n  dtype: float16\nbig:")  # fmt: skip
    entry = MODELS.load_entry(Path("config/models.yaml"), "small")
    assert (entry.backend, entry.dtype) == ("transformers", "float16")


def test_unknown_name_on_a_command_line(project):
    with pytest.raises(UserError) as caught:
        MODELS.load_entry(Path("config/models.yaml"), "tini")
    assert str(caught.value) == (
        "command line: models: no such entry in config/models.yaml\n"
        f"  found:   'tini'\n  allowed: {MODEL_NAMES}\n  nearest: tiny"
    )


# ---- identity --------------------------------------------------------------------------------------------------------

IDENTITY = {  # the fields that change a result
    DemoDataset: {"source", "seed", "splits"},
    HubDataset: {"source", "repository", "revision", "splits", "limit", "exclude"},
    FolderDataset: {"source", "path", "layout", "splits", "limit"},
    JsonlDataset: {"source", "path", "layout", "image_dir", "limit"},
    TransformersModel: {
        "backend", "model", "revision", "dtype", "attention", "image_layout", "pixel_budget", "max_new_tokens",
        "generation",
    },
    VllmModel: {
        "backend", "model", "revision", "dtype", "quantization", "options", "image_layout", "pixel_budget",
        "max_new_tokens", "generation",
    },
    OpenAIModel: {
        "backend", "base_url", "model", "image_layout", "pictures", "max_new_tokens", "request", "generation",
    },
    ResponsesFileModel: {"backend", "path"},
    RulesJudge: {"judge"},
    OpenAIJudge: {
        "judge", "base_url", "models", "pictures", "max_new_tokens", "max_answer_characters", "request", "repeats",
        "generation",
    },
    VllmJudge: {
        "judge", "model", "revision", "dtype", "quantization", "options", "pictures", "max_new_tokens",
        "max_answer_characters", "request", "repeats", "generation",
    },
}  # fmt: skip
NOT_IDENTITY = {
    DemoDataset: {"label"},
    HubDataset: {"label"},
    FolderDataset: {"label"},
    JsonlDataset: {"label"},
    TransformersModel: {"label", "requires_gpu", "device_map", "batch_size", "resources"},
    VllmModel: {
        "label",
        "requires_gpu",
        "resources",
        "command",
        "start_timeout",
        "concurrency",
        "timeout",
        "memory_fraction",
        "parity",
    },
    OpenAIModel: {
        "label",
        "base_url_variable",
        "key_variable",
        "length_field",
        "prices",
        "image_tokens",
        "max_usd",
        "concurrency",
        "timeout",
        "attempts",
        "resources",
    },
    ResponsesFileModel: {"label", "resources"},
    RulesJudge: {"label"},
    OpenAIJudge: {
        "label",
        "base_url_variable",
        "key_variable",
        "length_field",
        "max_usd",
        "concurrency",
        "timeout",
        "attempts",
        "resources",
    },
    VllmJudge: {"label", "command", "start_timeout", "concurrency", "timeout", "memory_fraction", "resources"},
}


LEFT_OUT_AT_DEFAULT = {  # identity only at another value
    TransformersModel: {"intervention"},
    OpenAIJudge: {"structured_output", "prompt"},
    VllmJudge: {"structured_output", "prompt"},
    DemoDataset: {"controls"},
    HubDataset: {"controls"},
    FolderDataset: {"controls"},
    JsonlDataset: {"controls"},
}


@pytest.mark.parametrize("kind", IDENTITY, ids=lambda kind: kind.__name__)
def test_every_field_is_known_to_be_identity_or_not(kind):
    stored = {"pictures" if name == "images" else name for name in kind.model_fields}  # as version 0.1 named it
    assert stored == IDENTITY[kind] | NOT_IDENTITY[kind] | LEFT_OUT_AT_DEFAULT.get(kind, set())


@pytest.mark.parametrize(
    ("kind", "name"),
    [("datasets", "demo"), ("datasets", "bench"), ("models", "tiny"), ("judges", "rules"), ("judges", "paid")],
)
def test_identity_holds_the_fields_that_change_a_result(project, kind, name):
    entry = getattr(REGISTRY, kind).load_entry(Path("config", f"{kind}.yaml"), name)
    assert set(identity(entry)) == IDENTITY[type(entry)]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("label: Tiny", "label: Small", True),
        ("batch_size: 4", "batch_size: 32", True),
        ("mem_mb: 4000", "mem_mb: 9000", True),
        ("batch_size: 4", "batch_size: 4\n  device_map: auto\n  requires_gpu: true", True),
        ("dtype: float32", "dtype: float16", False),
        ("max_pixels: 12544", "max_pixels: 25088", False),
        ("batch_size: 4", "batch_size: 4\n  generation: 2", False),
        ("batch_size: 4", "batch_size: 4\n  revision: v1", False),
        ("batch_size: 4", "batch_size: 4\n  image_layout: merged", False),
        ("max_new_tokens: 64", "max_new_tokens: 65", False),
    ],
)
def test_identity_after_a_change(project, old, new, same):
    path = Path("config/models.yaml")
    before = identity(MODELS.load_entry(path, "tiny"))
    change("models.yaml", old, new)
    assert (identity(MODELS.load_entry(path, "tiny")) == before) is same


# ---- entries that name others ----------------------------------------------------------------------------------------

JURY = "jury:\n  judge: panel\n  members: [rules, paid]\n"
MEMBERS = "a list of at least 2 different entries"


def add_jury(old: str = "", new: str = "") -> None:
    """Write a panel at the top of the judges file, before its members."""
    path = Path("config/judges.yaml")
    assert not old or JURY.count(old) == 1
    path.write_text(JURY.replace(old, new) + path.read_text(encoding="utf-8"), encoding="utf-8")


def test_a_panel_holds_the_entries_of_its_members(project):
    add_jury()
    run = load(judges=["jury"])
    judges = REGISTRY.judges.load(Path("config/judges.yaml"))
    assert list(judges) == ["jury", "rules", "paid"]
    assert run.judges["jury"].members == {"rules": judges["rules"], "paid": judges["paid"]}
    assert identity(run.judges["jury"]) == {
        "judge": "panel",
        "members": {name: identity(judges[name]) for name in ("rules", "paid")},
    }
    assert read_run(written(run), REGISTRY).judges == run.judges


@pytest.mark.parametrize(
    ("old", "new", "what", "found", "allowed", "nearest"),
    [
        ("paid]", "piad]", "no such entry in config/judges.yaml", "'piad'", "rules, paid", "paid"),
        ("paid]", "jury]", "names other entries itself", "'jury'", "rules, paid", None),
        ("paid]", "3]", "no such entry in config/judges.yaml", "3", "rules, paid", None),
        ("[rules, paid]", "[rules]", "wrong value", "['rules']", MEMBERS, None),
        ("[rules, paid]", "[]", "wrong value", "[]", MEMBERS, None),
        ("[rules, paid]", "[paid, rules, paid]", "wrong value", "['paid', 'rules', 'paid']", MEMBERS, None),
        ("[rules, paid]", "rules", "wrong value", "'rules'", MEMBERS, None),
        ("[rules, paid]", "null", "wrong value", "null", MEMBERS, None),
        ("[rules, paid]", "{a: {judge: rules}}", "wrong value", "{'a': {'judge': 'rules'}}", MEMBERS, None),
    ],
)
def test_wrong_members_of_a_panel(project, old, new, what, found, allowed, nearest):
    add_jury(old, new)
    assert fault_of() == Case("judges.yaml", "", "", "jury.members", what, found, allowed, nearest).message()


def test_a_panel_without_members(project):
    add_jury("  members: [rules, paid]\n")
    assert "config/judges.yaml: jury.members: missing key\n" in fault_of()


def test_an_invalid_member_is_reported_once(project):
    add_jury()
    change("judges.yaml", "concurrency: 3", "concurrency: 0")
    message = fault_of(judges=["jury"])
    assert message.startswith("config/judges.yaml: paid.concurrency: ") and message.count("config/judges.yaml") == 1


def test_a_panel_requires_what_its_members_require(project):
    add_jury()
    run = load(judges=["jury", "paid"])
    assert run.missing_requirements([], {}, has_gpu=True, judges=["jury", "paid"]) == [
        "paid: the environment variable JUDGE_KEY is not set; set it to the API key."
    ]
    change("config.yaml", "models: [tiny, big]", "models: [served]")
    change("judges.yaml", "judge.example.org", "api.example.org")
    assert "config/judges.yaml: paid.concurrency: differs from served" in fault_of(judges=["jury"])


# ---- what several entries of a run say together ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (
            "  batch_size: 4\n",
            "  attention: flash_attention_2\n  intervention: {preset: pai}\n",
            "intervention: image_attention and contrast of attended tokens require attention: sdpa; the entry has "
            "attention: flash_attention_2",
        ),
        (
            "  backend: transformers\n  model: owner/big\n",
            "  backend: vllm\n  model: owner/big\n  options: {max_model_len: 512}\n",
            "options.max_model_len (512) must hold the prompt and max_new_tokens (1024)",
        ),
    ],
    ids=["attention", "max_model_len"],
)
def test_keys_that_contradict_each_other_are_reported(project, old, new, error):
    change("models.yaml", old, new)
    name = "tiny" if "intervention" in new else "big"
    with pytest.raises(UserError) as raised:
        load()
    assert str(raised.value) == f"config/models.yaml: {name}: {error}"


@pytest.mark.parametrize(
    "intervention",
    [
        "{image_attention: {boost: 101}}",
        "{ffn_scale: {factor: 1.0e+300}}",
        "{contrast: {strength: 1.0e+38, mask: images}}",
    ],
)
def test_interventions_whose_numbers_would_overflow_are_refused(project, intervention):
    change("models.yaml", "  batch_size: 4\n", f"  intervention: {intervention}\n")
    with pytest.raises(UserError, match="allowed: less than or equal to 100"):
        load()


def test_a_bound_in_dollars_needs_prices(project):
    change("models.yaml", "  max_new_tokens: 512\n  concurrency: 4\nelse", "  max_new_tokens: 512\n  max_usd: 1\nelse")
    assert fault_of() == (
        "config/models.yaml: sibling.max_usd: cannot be enforced without prices\n"
        "  found:   1\n"
        "  allowed: Max cost of this entry in US dollars; it stops before exceeding it. Requires `prices`."
    )


def test_entries_of_one_endpoint_state_the_same_bound(project):
    change("config.yaml", "models: [tiny, big]", "models: [served, sibling]")
    load()
    change("models.yaml", "  concurrency: 4\nelse", "  concurrency: 5\nelse")
    assert fault_of() == (
        "config/models.yaml: sibling.concurrency: differs from served, which has the same base_url\n"
        "  found:   5\n  allowed: 4"
    )


def test_a_judge_and_a_model_at_one_endpoint_state_the_same_bound(project):
    change("config.yaml", "models: [tiny, big]\njudges: [rules]", "models: [served]\njudges: [paid, rules]")
    load()
    change("judges.yaml", "judge.example.org", "api.example.org")
    assert fault_of() == (
        "config/judges.yaml: paid.concurrency: differs from served, which has the same base_url\n"
        "  found:   3\n  allowed: 4"
    )


def test_prices_of_a_judge_are_not_its_identity_and_its_models_are(project):
    path = Path("config/judges.yaml")
    before = identity(JUDGES.load_entry(path, "paid"))
    prices = "prices: {input: 2.5, output: 10, source: a page, date: '2026-11-01'}"
    change("judges.yaml", "  concurrency: 3", f"  models: {{drf: {{model: gpt-4o-2024-08-06, {prices}}}}}")
    assert identity(JUDGES.load_entry(path, "paid")) == before
    change("judges.yaml", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20")
    after = identity(JUDGES.load_entry(path, "paid"))
    assert (after.pop("models"), before.pop("models")) == (
        {"drf": {"model": "gpt-4o-2024-11-20"}, "cr": {"model": "gpt-4o-mini-2024-07-18"}},
        {"drf": {"model": "gpt-4o-2024-08-06"}, "cr": {"model": "gpt-4o-mini-2024-07-18"}},
    )
    assert after == before


def test_an_answers_file_that_is_not_there(project):
    change("config.yaml", "models: [tiny, big]", "models: [elsewhere]")
    load()
    change("models.yaml", "path: config/models.yaml", "path: config/model.yaml")
    assert fault_of() == (
        "config/models.yaml: elsewhere.path: does not exist\n"
        "  found:   'config/model.yaml'\n  allowed: an existing file"
    )


def test_each_model_is_answered_in_one_way(project):
    change(
        "config.yaml", "models: [tiny, big]", "models: [tiny, big, served, elsewhere]\ninference: {shards: {big: 16}}"
    )
    run = load()
    rules = ("run_inference", "gather_responses", "import_responses")
    assert [run.models_of_rule(rule) for rule in rules] == ["served|tiny", "big", "elsewhere"]
    assert (run.num_shards("big"), run.num_shards("tiny")) == (16, 1)


def test_shards_of_a_model_of_another_run_are_ignored(project):
    change("config.yaml", "models: [tiny, big]", "models: [tiny]\ninference: {shards: {big: 16}}")
    assert load().models_of_rule("run_inference") == "tiny"


def test_a_run_comes_back_from_its_file(project):
    change("config.yaml", "models: [tiny, big]", "models: [tiny, served, elsewhere]\ninference: {shards: {tiny: 2}}")
    run = load()
    path = written(run)
    again = read_run(path, REGISTRY)
    assert (again.dataset, again.models, again.judges) == (run.dataset, run.models, run.judges)
    assert again.config.inference == run.config.inference
    assert config_file(again, PATHS) == path


def test_no_model_from_a_file_matches_nothing(project):
    import re

    assert re.fullmatch(load().models_of_rule("import_responses"), "") is None


def test_what_a_run_lacks(project):
    change("config.yaml", "models: [tiny, big]", "models: [tiny, big, served]")
    run = load()
    assert run.missing_requirements({"tiny"}, {}, has_gpu=False) == []
    assert run.missing_requirements({"tiny", "big", "served"}, {"SERVED_KEY": "x"}, has_gpu=True) == []
    (gpu,) = run.missing_requirements({"tiny", "big"}, {}, has_gpu=False)
    assert "these models require one: big." in gpu
    for environment in ({}, {"SERVED_KEY": ""}):
        assert run.missing_requirements({"served"}, environment, has_gpu=True) == [
            "served: the environment variable SERVED_KEY is not set; set it to the API key."
        ]
    run = load(judges=["rules", "paid"])
    assert run.missing_requirements({"tiny"}, {}, has_gpu=True) == []
    assert run.missing_requirements({"tiny"}, {"JUDGE_KEY": "x"}, has_gpu=True, judges=["rules", "paid"]) == []
    assert run.missing_requirements({"tiny"}, {}, has_gpu=True, judges=["rules", "paid"]) == [
        "paid: the environment variable JUDGE_KEY is not set; set it to the API key."
    ]


def test_a_judge_whose_engine_needs_a_gpu_is_reported(project):
    run = load(judges=["rules", "paid"])
    engine = VllmJudge(judge="vllm", model="a/b", dtype="float16", max_new_tokens=9, resources=Resources(gpu=1))
    run = replace(run, judges={**run.judges, "local": engine})
    assert run.missing_requirements({"tiny"}, {"JUDGE_KEY": "x"}, has_gpu=False, judges=["rules", "paid"]) == []
    (gpu,) = run.missing_requirements({"tiny"}, {}, has_gpu=False, judges=["rules", "local"])
    assert "these judges require one: local." in gpu and "remove them from `judges`" in gpu
    assert run.missing_requirements({"tiny"}, {}, has_gpu=True, judges=["local"]) == []
    assert len(run.missing_requirements({"big"}, {}, has_gpu=False, judges=["local"])) == 2


# ---- the merged configuration and the schemas ------------------------------------------------------------------------


def test_later_files_win_and_lists_are_replaced(project):
    from snakemake.common.configfile import load_configfile
    from snakemake.utils import update_config

    Path("config/full.yaml").write_text("dataset: bench\nmodels: [big]\nscoring: {ds: count}\n")
    files = [Path("config/config.yaml"), Path("config/full.yaml")]
    merged = {}
    for file in files:
        update_config(merged, load_configfile(file))
    run = load_run(merged, files, REGISTRY)
    assert (run.config.dataset, list(run.models)) == ("bench", ["big"])
    assert (run.config.scoring.dqr, run.config.scoring.ds) == ("recall", "count")
    assert run.dataset.repository == "owner/bench"


def test_the_config_file_does_not_depend_on_the_order_of_names(project):
    path = written(load())
    assert config_file(load(models=["big", "tiny"]), PATHS) == path
    assert config_file(load(models=["big"]), PATHS) != path
    assert path.name == f"{sha256(path.read_bytes())[:12]}.json"
    assert json.loads(path.read_text())["models"]["tiny"]["generation"] == 1


def test_a_config_file_that_is_there_is_never_written_again(project):
    path = written(load())
    before = path.stat().st_mtime_ns
    assert written(load()) == path
    assert path.stat().st_mtime_ns == before


def test_a_recorded_run_has_labels_and_fields_without_types(project):
    recorded = read_recorded_run(written(load()))
    assert {name: entry.label for name, entry in recorded.models.items()} == {"tiny": "Tiny", "big": "big"}
    assert recorded.models["big"].fields["dtype"] == "bfloat16"
    assert (recorded.dataset.name, recorded.probes, recorded.config.models) == ("demo", {}, ["big", "tiny"])


def test_a_recorded_run_knows_its_variants(project):
    change("config.yaml", "models: [tiny, big]", "models: [tiny, big, damped]")
    damped = """\
damped:
  backend: transformers
  model: checkpoint
  dtype: float32
  max_new_tokens: 64
  pixel_budget: {min_pixels: 3136, max_pixels: 12544}
  intervention: {ffn_scale: {factor: 0.5}}
big:
"""
    change("models.yaml", "big:\n", damped)
    (name, variant), *others = read_recorded_run(written(load())).variants.items()
    assert (name, variant.base, variant.placebos, others) == ("damped", "tiny", (), [])


def test_names_on_the_leaderboard_are_different_lines():
    labels = {"a": "Same", "b.2": "Same", "c": " two\nlines\t", "d": None, "e": "half \ud83d", "f": "\n"}
    assert leaderboard_labels({name: {"label": label} for name, label in labels.items()}) == {
        "a": "Same (a)",
        "b.2": "Same (b.2)",
        "c": "two lines",
        "d": "d",
        "e": "half \ufffd",
        "f": "f",
    }


def test_a_label_that_looks_like_one_told_apart_is_told_apart_too():
    labels = {"a": "Same", "b": "Same", "c": "Same (a)", "d": "Same (a) (c)"}
    assert leaderboard_labels({name: {"label": label} for name, label in labels.items()}) == {
        "a": "Same (a)",
        "b": "Same (b)",
        "c": "Same (a) (c)",
        "d": "Same (a) (c) (d)",
    }


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"config": {}}'])
def test_a_file_that_is_no_config_of_a_run_is_refused(tmp_path, content):
    (tmp_path / "other.json").write_text(content)
    for read in (read_recorded_run, partial(read_run, registry=REGISTRY)):
        with pytest.raises(UserError, match="not the merged config of a run"):
            read(tmp_path / "other.json")


@pytest.mark.parametrize(
    ("file", "after", "old", "new"),
    [
        ("models.yaml", "  model: served-2026-01-01\n", "pictures: {format: png}", "images"),
        ("models.yaml", "  model: served-2026-01-01\n", "picture_tokens: 1000", "image_tokens"),
        ("judges.yaml", "  max_new_tokens: 2048\n", "pictures: null", "images"),
    ],
)
def test_a_renamed_key_is_refused_with_its_new_name(project, file, after, old, new):
    change(file, after, f"{after}  {old}\n")
    assert f"{old.split(':')[0]}: renamed key, now `{new}`" in fault_of()


def test_schemas_are_in_step_with_the_types():
    committed = {path.name.removesuffix(".schema.json"): path for path in CONFIG_FOLDER.glob("*.schema.json")}
    assert {stem: json.loads(path.read_text()) for stem, path in committed.items()} == json_schemas(REGISTRY), (
        "update them with: python workflow_scripts/write_config_schemas.py"
    )


@pytest.mark.parametrize("path", sorted(CONFIG_FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_files_name_and_fit_their_schema(path):
    text = path.read_text(encoding="utf-8")
    schema = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert schema == f"{path.stem}.schema.json" if path.stem in json_schemas(REGISTRY) else "config.schema.json"
    jsonschema.Draft202012Validator(json.loads((CONFIG_FOLDER / schema).read_text())).validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "name",
    ["unknown nested key", "missing key", "text for a number", "no pairs", "unknown model key", "missing model key"],
)
def test_schemas_refuse(project, name):
    case = CASES[name]
    change(case.file, case.old, case.new)
    schema = json_schemas(REGISTRY)[case.file.removesuffix(".yaml")]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(Path("config", case.file).read_text()), schema)


def test_limits_choose_the_models_and_samples_of_a_probe(project):
    change(
        "config.yaml",
        "scoring:",
        "probes: {run: [grounding, causal_patching], samples_per_split: 6,"
        " limits: {causal_patching: {models: [big], samples_per_split: 4}}}\nscoring:",
    )
    run = load()
    assert run.probes_of("tiny") == ["grounding"]
    assert run.probes_of("big") == ["causal_patching", "grounding"]
    assert run.probed() == ["big", "tiny"]
    assert (run.samples_per_split("causal_patching"), run.samples_per_split("grounding")) == (4, 6)


def test_a_limit_to_models_of_another_run_is_none(project):
    limits = "{causal_patching: {models: [big]}}"
    change(
        "config.yaml", "models: [tiny, big]", f"models: [tiny]\nprobes: {{run: [causal_patching], limits: {limits}}}"
    )
    assert load().probes_of("tiny") == ["causal_patching"]


@pytest.mark.parametrize("limits", ["{}", "{causal_patching: {models: null}}", "{causal_patching: {models: [big]}}"])
def test_a_variant_is_left_out_of_a_probe_that_does_not_measure_it(project, limits):
    change(
        "config.yaml",
        "models: [tiny, big]",
        f"models: [tiny, changed]\nprobes: {{run: [grounding, causal_patching], limits: {limits}}}",
    )
    change("models.yaml", "served:\n", f"{CHANGED}served:\n")
    run = load()
    assert run.probes_of("tiny") == ["causal_patching", "grounding"]
    assert run.probes_of("changed") == ["grounding"]
    write_config_file(run, Path("merged.json"))
    assert read_run(Path("merged.json"), REGISTRY).probes_of("changed") == ["grounding"]


def test_a_variant_cannot_be_named_for_a_probe_that_does_not_measure_it(project):
    change("models.yaml", "served:\n", f"{CHANGED}served:\n")
    change("config.yaml", "scoring:", "probes: {limits: {causal_patching: {models: [tiny, changed]}}}\nscoring:")
    with pytest.raises(UserError) as raised:
        load()
    what = "has an intervention, and causal_patching measures only models without"
    case = run_case("", "", "probes.limits.causal_patching.models.1", what, "'changed'", "tiny, big")
    assert str(raised.value) == case.message()


@pytest.mark.parametrize("probes", [[], ["grounding"]])
def test_the_open_models_are_probed_where_any_probe_is_run(project, probes):
    change("config.yaml", "models: [tiny, big]", f"models: [tiny, served, elsewhere]\nprobes: {{run: {probes}}}")
    assert load().probed() == (["tiny"] if probes else [])
