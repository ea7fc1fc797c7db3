"""A small finished run with hand-made tables: hostile answers, two judges, a control, missing boxes, maps."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from spd_faith.core.files import write_table
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import IMAGES, JUDGEMENTS, PARSED, RESPONSES, SAMPLES, TASKS
from spd_faith.probes.token_activation_map import TokenActivationMap
from spd_faith.scoring.tables import SCORES

EASY, MULTI, UNDONE = "easy/00000_7", "multi_diff/00001_8", "multi_diff/00001_8-undone-0"
MODELS = {"one": "Model <One>", "two": "Model Two"}
JUDGES = {"rules": "Rules", "paid": "Paid"}
HTML = "</script><img src=x onerror=alert(1)> The cat was <b>removed</b>. & {{ 7 * 7 }}"
RTL = "تمت إزالة القطة."
WORDS = " ".join(f"{number:08x}" for number in np.random.default_rng(0).integers(0, 1 << 32, 11_111))
LONG = f"🚗 The cat was removed. {WORDS} The dog turned red."  # 100,000 characters that do not compress
SAME = ["No, they are not the same.", "Yes, they are different."]
VERDICTS = {**dict.fromkeys(SAME, "differs"), "They are the same.": "same"}


def box(x, y, w, h):
    return {"x": x, "y": y, "w": w, "h": h}


CAT = {"type": "remove", "category": "cat", "description": "the black cat was removed", "bbox": box(1, 2, 3, 4)}
DOG = {"type": "color", "category": "dog", "description": None, "bbox": None, "bbox_after": None}


def encoded(size, color, kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, kind)
    return file.getvalue()


def required(schema, **row):
    """A row with zeros and empty words where a column must not be null."""
    empty = {"string": "", "int32": 0, "double": 0.0, "bool": False}
    return {
        field.name: empty.get(str(field.type), []) for field in schema if not field.nullable and field.name not in row
    } | row


def sample(sample_id, differences, **row):
    split, image_id = sample_id.split("/")
    size = {"width": 20, "height": 10, "num_differences": len(differences)}
    shown = {"sample_id": sample_id, "split": split, "image_id": image_id, "control": "none", "base_sample_id": None}
    return shown | size | {"differences": differences} | row


def pair(sample_id, original, modified):
    shas = {f"{name}_sha256": hashlib.sha256(one).hexdigest() for name, one in pairs(original, modified)}
    return {"sample_id": sample_id, **dict(pairs(original, modified)), **shas}


def pairs(original, modified):
    return [("original", original), ("modified", modified)]


def answers(model, texts):
    """Rows of responses and of parsed; a text may be (text, columns)."""
    responses, parsed = [], []
    for sample_id, of_sample in texts.items():
        for task, text in zip(TASKS, of_sample, strict=True):
            text, more = text if isinstance(text, tuple) else (text, {})
            key = {"sample_id": sample_id, "task": task}
            responses.append(required(RESPONSES, **key, response_text=text, finish_reason="stop", **more))
            verdict = None if task == "describe" else VERDICTS.get(text)
            status = "no_response" if more.get("failure") else "free_text"
            row = {"parse_status": status, "verdict": verdict, "language": "en", "failure": more.get("failure")}
            parsed.append(required(PARSED, **key, **row))
    return responses, parsed


def claim(text, label, other=None, error=None, **more):
    severity = {"fabrication": "critical", "type_confusion": "moderate"}.get(error)
    return {"text": text, "other_text": other, "label": label, "error_type": error, "severity": severity} | more


def judgement(sample_id, metric, claims=(), score=None, status="ok", **row):
    return required(
        JUDGEMENTS, sample_id=sample_id, metric=metric, claims=list(claims), score=score, status=status, **row
    )


def write_run(folder: Path) -> ResultPaths:
    paths = ResultPaths(folder)
    samples = [
        sample(EASY, [CAT], question="What changed?", is_faithful=True),
        sample(MULTI, [CAT, DOG]),
        sample(UNDONE, [DOG], control="undone", base_sample_id=MULTI, undone_difference=0),
    ]
    write_table(paths.samples, samples, SAMPLES)
    red, blue = encoded((20, 10), "red"), encoded((22, 12), "blue", "JPEG")
    images = [pair(EASY, red, blue), pair(MULTI, red, red), pair(UNDONE, red, blue)]
    write_table(paths.images, images, IMAGES)

    not_asked = ("", {"failure": "not_asked"})
    failed = ("", {"failure": "transport", "error": "HTTP 500"})
    undone = ["A dog.", not_asked, not_asked]
    texts = {
        "one": {EASY: [(HTML, {"reasoning_text": "I look."}), *SAME], MULTI: [LONG, RTL, "\x00\x1b"], UNDONE: undone},
        "two": {EASY: [failed, *SAME], MULTI: ["a", "They are the same.", "c"], UNDONE: undone},
    }
    for model, of_model in texts.items():
        responses, parsed = answers(model, of_model)
        write_table(paths.responses(model), responses, RESPONSES)
        write_table(paths.parsed(model), parsed, PARSED)
        for judge in JUDGES:
            write_judged(paths, judge, model)
    write_maps(paths, "one")
    reply = {
        "claims": [{"quote": "The cat was removed", "about": "cat", "reason": "It is <gone>.", "label": "faithful"}]
    }
    journal = paths.judgement_journal("paid") / "a.jsonl"
    journal.parent.mkdir(parents=True)
    lines = [{"provenance": {}}, {"key": "q1", "text": json.dumps(reply)}, {"key": "other", "text": "no JSON"}]
    journal.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return paths


def write_judged(paths, judge, model):
    rows = {
        (one, metric): judgement(one, metric, status="no_claims")
        for one in (EASY, MULTI, UNDONE)
        for metric in ("drf", "cr")
    }
    if model == "one":
        score = 1.0 if judge == "paid" else 0.25
        quoted = "The cat was removed" if judge == "paid" else "the CAT was **removed**"
        rows[EASY, "drf"] = judgement(
            EASY, "drf", [claim(quoted, "faithful")], score, question_sha="q1" if judge == "paid" else None
        )
        rows[EASY, "cr"] = judgement(EASY, "cr", [claim(SAME[0], "consistent", SAME[1])], 1.0)
        lost = claim("a zebra appeared", "unfaithful", error="fabrication")
        rows[MULTI, "drf"] = judgement(MULTI, "drf", [claim("The dog turned red", "faithful"), lost], 0.5)
        rows[UNDONE, "cr"] = judgement(UNDONE, "cr", status="not_asked")
    if model == "two" and judge == "paid":
        rows[MULTI, "drf"] = judgement(MULTI, "drf", status="unscored:timeout")
    write_table(paths.judgements(judge, model), list(rows.values()), JUDGEMENTS)
    scores = [
        required(
            SCORES, sample_id=one, split=one.split("/")[0], drf=0.12345, named=named, drf_status="ok", cr_status="ok"
        )
        | {"parse_status": "free_text", "control": "none"}
        for one, named in ((EASY, [True]), (MULTI, [True, False]), (UNDONE, [False, True]))
    ]
    write_table(paths.scores(judge, model), scores, SCORES)


def write_maps(paths, model):
    """An answer with the words "cat" (two tokens), "cat" and "gone"; the images have two tokens each, side by side."""
    places = [{"picture": number, "x": 0.5 * number, "y": 0.0, "w": 0.5, "h": 1.0} for number in (0, 1)]
    rasters = [{"first": 0, "rows": 1, "columns": 4, "pictures": places}]
    cat = [("cat", (0.0, 0.5, 0.0, 0.0)), ("cat", (0.0, 0.25, 0.0, 0.25))]
    values = [*cat, (None, (1.0, 1.0, 1.0, 1.0)), ("cat", (1.0, 0.0, 0.0, 0.0)), ("gone", (0.0,) * 4)]
    rows = []
    for word, one in values:
        row = {"sample_id": EASY, "task": "describe", "token": len(rows), "token_id": 1, "word": word, "status": "ok"}
        rows.append(row | {"map": np.array(one, np.float16), "rasters": rasters, "dtype": "float32"})
    rows.append(
        required(TokenActivationMap.schema, sample_id=MULTI, task="describe", token=0, status="failed", dtype="")
    )
    write_table(TokenActivationMap.path_in(paths.probes(model)), rows, TokenActivationMap.schema)
