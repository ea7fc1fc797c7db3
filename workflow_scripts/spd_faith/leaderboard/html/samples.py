"""The samples of a page: both images, the truth, and what each model answers, as data that its script shows."""

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from spd_faith.core.controls import is_control
from spd_faith.core.files import read_table
from spd_faith.core.html import Script, page_script, render_page
from spd_faith.core.paths import ResultPaths
from spd_faith.core.schemas import SAMPLES
from spd_faith.judging.claims import SEVERITY
from spd_faith.judging.reasons import Reasons
from spd_faith.leaderboard.html.answers import FLAGS, ModelRows, RecordBuilder, read_model, reasons_of
from spd_faith.leaderboard.html.choice import HOW, candidates
from spd_faith.leaderboard.html.images import image_shas, page_images
from spd_faith.leaderboard.html.packed import Pool, packed
from spd_faith.leaderboard.model import counted
from spd_faith.scoring.metrics import HEADLINE_AND_OVERALL, METRICS

MAX_BYTES = 6_000_000
"""Of a page with its images inside; images of a larger one are files in a folder beside it."""
_MIN_BYTES = 2_000_000
"""For the samples of a page whose tables and charts leave less."""
_ROOM_FOR_MAPS = 0.2  # of the bytes
LEFT_OUT = "left out"
"""In place of maps for which there is no room."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class SamplesData:
    """What the template samples.html.j2 and its script need."""

    content: Mapping[str, Any]
    """JSON-ready, without the images."""
    data: Mapping[str, Any]
    """What the page holds as `samples-data`: `content`, `packed`, and the addresses of the images."""
    shown: int
    total: int
    note: str
    """Which samples are in the page, and where their images are."""


def room_for_samples(page: str) -> int:
    """The bytes that the samples of a page may take; `page` is it without them."""
    return max(MAX_BYTES - len(page.encode()), _MIN_BYTES)


def samples_section(
    paths: ResultPaths,
    models: Mapping[str, str],
    judges: Mapping[str, str],
    files: Path,
    budget_bytes: int,
    seed: int = 0,
    only: Collection[str] | None = None,
) -> SamplesData:
    """The samples of a page that may take `budget_bytes` for them.

    `models` and `judges` are their labels by key. All samples are in if their texts fit, else those that `choose`
    takes; all of `only`, if given. If the images do not fit, too, they are files in the folder `files`, which must be
    beside the page. Raises `UserError` for a table that does not fit its schema.
    """
    samples = read_table(paths.samples, SAMPLES)
    keys = samples.select(["sample_id", "split", "control", "base_sample_id"]).to_pylist()
    total = len(keys)
    ids = candidates(paths, models, judges, keys, budget_bytes, seed) if only is None else list(only)
    texts, grids = Pool(), Pool()
    rows = {model: read_model(paths, model, judges, ids, grids.number) for model in models}
    wanted = samples.filter(pc.field("sample_id").isin(pa.array(list(ids), pa.string()))).to_pylist()
    by_id = {row["sample_id"]: row for row in wanted}
    tables = _Tables(by_id, rows, reasons_of(paths, list(judges), list(rows.values())))
    entries = _entries(tables, ids, texts, budget_bytes if only is None else None)
    shown = [row["sample_id"] for row in keys if row["sample_id"] in entries]

    shas = image_shas(paths.images, shown)
    wanted_shas = list(dict.fromkeys(sha for one in shown for sha in shas[one]))
    numbers = {sha: number for number, sha in enumerate(wanted_shas)}
    for one in shown:
        entries[one]["images"] = [numbers[sha] for sha in shas[one]]
    content = {
        "models": [{"key": key, "label": label} for key, label in models.items()],
        "judges": [{"key": key, "label": label} for key, label in judges.items()],
        "scores": [{"label": METRICS[name].label, "title": METRICS[name].title} for name in HEADLINE_AND_OVERALL],
        "flags": [
            {"name": name, "label": flag.label, "group": flag.group, "marked": flag.is_marked}
            for name, flag in FLAGS.items()
        ],
        "total": total,
        "draw": f"python workflow_scripts/draw_samples.py --results {shlex.quote(str(paths.folder))}",
        "severity": SEVERITY,
        "texts": texts.values,
        "grids": grids.values,
        "samples": [entries[one] for one in shown],
    }
    held = packed(content)
    addresses, are_files = page_images(paths.images, wanted_shas, budget_bytes - len(held), files)
    data = {"packed": held, "images": [addresses[sha] for sha in wanted_shas]}
    note = _note(len(shown), total, only is not None, seed, files.name if are_files else None)
    return SamplesData(content, data, len(shown), total, note)


def _note(shown: int, total: int, is_named: bool, seed: int, folder: str | None) -> str:
    if is_named:
        which = f"{shown:,} of {counted(total, 'sample')}: what was asked for, with the other versions of each pair."
    elif shown == total:
        which = f"All {total:,} samples of the run." if total > 1 else "The only sample of the run."
    else:
        which = f"{shown:,} of {counted(total, 'sample')}, {HOW.format(seed=seed)}."
    return f"{which} Their images are in the folder {folder} beside this page." if folder else which


# ---- the samples as data ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Tables:
    """The rows that the data are made from: samples by id, those of each model, the reasons of each judge."""

    samples: Mapping[str, Row]
    models: Mapping[str, ModelRows]
    reasons: Sequence[Mapping[str, Reasons]]


def _entries(tables: _Tables, ids: Iterable[str], texts: Pool, budget: int | None) -> dict[str, dict[str, Any]]:
    """The samples that fit into the budget, tried in the order of `ids`; all of them without a budget.

    Packed alone, as here, a sample takes more bytes than among others. A control needs its base pair. Maps take at most
    a part of the budget; answers without theirs say so.
    """
    entries: dict[str, dict[str, Any]] = {}
    used = maps = 0
    for one in ids:
        base = tables.samples[one]["base_sample_id"]
        if budget is not None and base is not None and base not in entries:
            continue
        before = len(texts.values)
        content = _content(tables.samples[one], tables, texts)
        of_maps = _bound_maps(content, None if budget is None else _ROOM_FOR_MAPS * budget - maps)
        size = len(packed([content, texts.values[before:]]))
        if budget is not None and used + size > budget:
            texts.cut(before)
            continue
        used, maps = used + size, maps + of_maps
        entries[one] = content
    return entries


def _content(sample: Row, tables: _Tables, texts: Pool) -> dict[str, Any]:
    """A sample as the script reads it; `models` has the record of each model by its place among the page's models."""
    builder = RecordBuilder(sample, texts, tables.reasons)
    records = {str(number): builder.record(rows) for number, rows in enumerate(tables.models.values())}
    content = {
        "id": sample["sample_id"],
        "split": sample["split"],
        "control": sample["control"] if is_control(sample) else None,
        "base": sample["base_sample_id"],
        "undone": sample["undone_difference"],
        "question": sample["question"],
        "faithful": sample["is_faithful"],
        "differences": [_difference(one) for one in sample["differences"]],
        "models": {number: record for number, record in records.items() if record},
    }
    return {name: value for name, value in content.items() if value is not None}


def _difference(difference: Row) -> dict[str, Any]:
    """Boxes are [left, top, width, height] in pixels, `box` in the first image and `after` in the second."""
    boxes = {"box": difference["bbox"], "after": difference["bbox_after"]}
    return {
        **{name: difference[name] for name in ("type", "category", "description") if difference[name] is not None},
        **{name: [round(box[axis]) for axis in "xywh"] for name, box in boxes.items() if box},
    }


def _bound_maps(content: Mapping[str, Any], room: float | None) -> int:
    """Leave out maps that do not fit into the room; the bytes of the others."""
    used = 0
    for record in content["models"].values():
        size = len(packed(record["m"])) if "m" in record else 0
        if room is not None and used + size > room:
            record["m"] = LEFT_OUT
        else:
            used += size
    return used


# ---- the page's parts ------------------------------------------------------------------------------------------------

STYLE = "samples.css"
_SCRIPTS = ("offsets.js", *(f"samples{part}.js" for part in ("_logic", "_images", "_answers", "")))


def samples_script() -> Script:
    """What shows the data; it reads the element `samples-data`. Its names are its own."""
    source = page_script(*_SCRIPTS).source
    return Script(f"(async () => {{\n{source}\n}})();")


def samples_html(title: str, samples: SamplesData) -> str:
    """A page of samples alone."""
    return render_page(
        "samples_page.html.j2",
        title=title,
        styles=("common.css", STYLE),
        scripts=(samples_script(),),
        data={"samples-data": samples.data},
        samples=samples,
    )
