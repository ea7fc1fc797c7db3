"""The settings of probe.py: its flags, and what must hold before anything is loaded."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from spd_faith.core.config_errors import NOTHING, error_at, raise_errors
from spd_faith.core.errors import UserError
from spd_faith.dataset.merged import MergedLayout
from spd_faith.original.released_models import model_flag_errors, named_by_flags

NO_PAIRS = error_at("pairs", "missing", NOTHING, "--input_file FILE, --multi_diff_dir FOLDER or --image_dir FOLDER")
NO_OUTPUT = error_at("results", "no output given", NOTHING, "--output_dir, --output_file or --output_pdf")

_RELEASED_FOLDERS = {"hidden_similarity": "eval_results_faithfulness", "generation_attention": "generation_plots"}
_IN_ONE_JSON_FILE = "layer_changes"  # the released command writes all samples to --output_file
WITH_JSON = ("layer_changes", "generation_attention", "neuron_activation", "hidden_similarity")
"""The probes whose released commands write JSON."""


@dataclass(frozen=True)
class ProbeSettings:
    """One field per flag of probe.py, whose help describes them."""

    probes: list[str]
    model_path: str | None
    model_type: str | None
    input_file: Path | None
    multi_diff_dir: Path | None
    image_dir: Path | None
    layout: MergedLayout | None
    comparison_result: Path | None
    sample_ids: list[str] | None
    max_samples: int | None
    max_new_tokens: int | None
    output_dir: Path | None
    output_file: Path | None
    output_pdf: Path | None
    json: bool
    layer_start: int
    layer_end: int | None
    models_file: Path
    prompts: Path
    threads: int
    device: str | None

    def check(self) -> None:
        """Raise `UserError` with all errors in the flags, files that do not exist included."""
        raise_errors([*self._source_errors(), *self._path_errors(), *self._output_errors(), *self._range_errors()])
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(error_at("results", "not a folder", str(self.folder), "a new or existing folder"))

    @cached_property
    def model_name(self) -> str:
        """The model as named on the command line; by default the one of the released commands."""
        return named_by_flags(self.model_path, self.model_type) or "qwen"

    @property
    def folder(self) -> Path:
        """The folder of the results; by default named after the output file, else as by the released command."""
        file = self.output_file or self.output_pdf
        folder = self.output_dir or (file and file.with_suffix("")) or self._released_folder
        if not folder:
            raise UserError(NO_OUTPUT)
        return folder

    @property
    def released_task(self) -> str:
        """The question of layer_analysis_generation.py: what differs, if it reads --image_dir alone."""
        others = self.input_file or self.multi_diff_dir or self.comparison_result
        return "same" if others else "describe"

    @property
    def writes_one_json(self) -> bool:
        """Whether --output_file gets the released JSON."""
        return self.output_file is not None and self.output_file.suffix.lower() == ".json"

    @property
    def _released_folder(self) -> Path | None:
        name = _RELEASED_FOLDERS.get(self.probes[0]) if len(self.probes) == 1 else None
        return Path(name) if name else None

    def _source_errors(self) -> Iterator[str]:
        if not (self.input_file or self.multi_diff_dir or self.image_dir):
            yield NO_PAIRS
        if self.multi_diff_dir and (self.input_file or self.image_dir):
            yield error_at("pairs", "given twice", NOTHING, "--multi_diff_dir, or --input_file and --image_dir")

    def _path_errors(self) -> Iterator[str]:
        files = {"input_file": self.input_file, "comparison_result": self.comparison_result}
        folders = {"multi_diff_dir": self.multi_diff_dir, "image_dir": self.image_dir}
        for kind, exists, paths in (("file", Path.is_file, files), ("folder", Path.is_dir, folders)):
            for name, path in paths.items():
                if path and not exists(path):
                    yield error_at(f"--{name}", f"no such {kind}", str(path), f"an existing {kind}")

    def _output_errors(self) -> Iterator[str]:
        if not (self.output_dir or self.output_file or self.output_pdf or self._released_folder):
            yield NO_OUTPUT
        if self.json and not set(self.probes) & set(WITH_JSON):
            yield error_at("--json", "no JSON form of this probe", ", ".join(self.probes), WITH_JSON)
        if self.writes_one_json and self.probes[0] != _IN_ONE_JSON_FILE:
            yield error_at("--output_file", "no JSON file of this probe", self.probes[0], "--output_dir FOLDER --json")
        for name, path, suffixes in (
            ("output_file", self.output_file, [".parquet", ".json"]),
            ("output_pdf", self.output_pdf, [".pdf", ".png"]),
        ):
            if path and path.suffix.lower() not in suffixes:
                yield error_at(f"--{name}", "unknown file type", str(path), suffixes)
        if self.output_file and len(self.probes) > 1:
            what = "one file cannot hold several probes"
            yield error_at("--output_file", what, ", ".join(self.probes), "--output_dir FOLDER")

    def _range_errors(self) -> Iterator[str]:
        first, last = self.layer_start, self.layer_end
        if self.max_samples is not None and self.max_samples < 1:
            yield error_at("--max_samples", "too small", self.max_samples, "at least 1")
        if first < 0 or (last is not None and last < first):
            yield error_at("--layer_start, --layer_end", "no layers", (first, last), "from 0, in ascending order")
        yield from model_flag_errors(self.max_new_tokens, self.device)
