"""Tables of an invented model, as the pass and the stages before it write them."""

import numpy as np
import pyarrow as pa

from spd_faith.core.files import write_table
from spd_faith.core.schemas import PARSED, RESPONSES, SAMPLES, TASKS
from spd_faith.probes.registry import PROBES
from spd_faith.probes.tables import DIRECTIONS
from spd_faith.probes.token_sets import TOKEN_SETS
from spd_faith.scoring.tables import SCORES

CONTRASTED = {name: probe for name, probe in PROBES.items() if probe.contrasted}
BY_LAYER = {name: probe for name, probe in CONTRASTED.items() if probe.contrasted_by_layer}

FRACTIONS = ("sink", "system", "picture_1", "picture_2", "user", "answer")


def ids(count, split="easy"):
    return [f"{split}/{number:05d}_{number}" for number in range(count)]


def samples_table(labels):
    """`labels` gives each sample's is_faithful."""
    rows = [
        {"sample_id": sample_id, "split": sample_id.split("/")[0], "width": 9, "height": 9}
        | {"image_id": sample_id.rpartition("_")[2]}
        | {"num_differences": 1, "differences": [], "control": "none", "is_faithful": label}
        for sample_id, label in labels.items()
    ]
    return pa.Table.from_pylist(rows, schema=SAMPLES)


def responses_table(sample_ids, labels=None, tokens=lambda sample_id, task: 9):
    rows = [
        {"sample_id": sample_id, "task": task, "prompt_sha": "", "response_text": "", "finish_reason": "stop"}
        | {"seconds": 0, "attempts": 1, "generated_tokens": tokens(sample_id, task)}
        | {"is_faithful": (labels or {}).get(sample_id)}
        for sample_id in sample_ids
        for task in TASKS
    ]
    return pa.Table.from_pylist(rows, schema=RESPONSES)


def parsed_table(verdicts):
    """`verdicts` gives each sample's on "the same?" and on "different?"."""
    rows = [
        {"sample_id": sample_id, "task": task, "parse_status": "free_text", "has_structured_output": False}
        | {"listed_num": 0, "differences": [], "verdict": verdict}
        for sample_id, pair in verdicts.items()
        for task, verdict in zip(TASKS, (None, *pair), strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=PARSED)


def scores_table(drf, controls=(), n_gt=None):
    """`drf` gives each sample's, None where it is unscored."""
    rows = []
    for sample_id, value in drf.items():
        row = {field.name: 0 for field in SCORES if not field.nullable}
        row |= {"sample_id": sample_id, "split": sample_id.split("/")[0], "image_id": "1", "parse_status": "json"}
        row |= {"control": "blind" if sample_id in controls else "none", "drf_status": "ok", "cr_status": "ok"}
        rows.append(row | {"drf": value, "n_gt": (n_gt or {}).get(sample_id, 1)})
    return pa.Table.from_pylist(rows, schema=SCORES)


def probe_tables(sample_ids, layers=4, tokens=6, seed=0, images=2, planted=None):
    """Random numbers in the schema of every probe that is contrasted.

    `planted` is (sample ids, probe, measure, layer, size): so much is added to these samples' numbers.
    """
    draw = np.random.default_rng(seed)
    made = {name: _probe_table(name, sample_ids, layers, tokens, draw, images, planted) for name in BY_LAYER}
    return made | {"causal_patching": patched_table(sample_ids, layers, seed)}


def patched_table(sample_ids, layers=4, seed=0, effect=6.0):
    """One or two differences a sample: effects around `effect` nats, whose share falls from 1 to 0 in the middle.

    Random tokens carry a twentieth of it, an unchanged object's a tenth, all tokens a few layers more."""
    draw = np.random.default_rng(seed)
    types = ("color", "remove", "position")
    rows = []
    for number, sample_id in enumerate(sample_ids):
        for difference in range(1 + number % 2):
            kind = types[(number + difference) % 3]
            own = draw.normal(effect, 2)
            row = {"sample_id": sample_id, "difference": difference, "type": kind, "dtype": "float32", "status": "ok"}
            effects = {"image_effect": own, "count_effect": own / 4, "json_effect": own / 2, "claim_tokens": 9}
            effects |= {"other_claims_effect": draw.normal(), "log_prob_changed": -2.0, "log_prob_undone": -2.0 - own}
            if number % 2 == 0:
                effects["verdict_effect"] = own / 3
            rows.append(row | effects)
            rows += [row | one for one in _patches(own, layers, draw, types.index(kind))]
    return pa.Table.from_pylist(rows, schema=PROBES["causal_patching"].schema)


def _patches(effect, layers, draw, kind):
    for direction in DIRECTIONS:
        for layer in range(-1, layers):
            last = layer == layers - 1
            fall = 1 / (1 + np.exp((layer - (0.4 + 0.1 * kind) * layers) / (0.05 * layers)))
            later = 1 / (1 + np.exp((layer - 0.7 * layers) / (0.05 * layers)))
            for tokens, share in zip(TOKEN_SETS, (fall, 0.05 * fall, 0.1 * fall, later), strict=True):
                share = 0.0 if last else 1.0 if tokens == "all" and layer < 0 else share + draw.normal(0, 0.03)
                row = {"direction": direction, "layer": layer, "tokens": tokens}
                yield row | {"drop": share * effect, "copied_tokens": 3}


def _probe_table(name, sample_ids, layers, tokens, draw, images, planted):
    schema = CONTRASTED[name].schema
    rows = []
    for sample_id in sample_ids:
        for task in TASKS if "task" in schema.names else (None,):
            for layer in range(layers):
                for token in range(tokens) if "token" in schema.names else (None,):
                    row = {"sample_id": sample_id, "task": task, "layer": layer, "token": token, "token_id": token}
                    row |= {"dtype": "float32", "greedy_agreement": 1.0, "status": "ok"}
                    row |= {measure: draw.normal(0.6, 0.1) for measure in CONTRASTED[name].contrasted}
                    if name == "generation_attention":
                        fractions = draw.dirichlet(np.arange(1, 7))
                        row |= dict(zip(FRACTIONS, fractions, strict=True))
                        if images == 1:
                            row["picture_2"] = None
                    if planted and sample_id in planted[0] and (name, layer) == (planted[1], planted[3]):
                        row[planted[2]] += planted[4]
                    rows.append({column: row[column] for column in schema.names if column in row})
    return pa.Table.from_pylist(rows, schema=schema)


def unmeasured_tables(sample_ids):
    """Every answer failed, and says so in a row without a layer."""
    row = {"task": "describe", "dtype": "float32", "status": "failed", "error": "out of memory"}
    return {
        name: pa.Table.from_pylist(
            [{"sample_id": one} | {k: v for k, v in row.items() if k in probe.schema.names} for one in sample_ids],
            schema=probe.schema,
        )
        for name, probe in CONTRASTED.items()
    }


def write_tables(folder, tables):
    for name, table in tables.items():
        write_table(folder / f"{name}.parquet", table, table.schema)
