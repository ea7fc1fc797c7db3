"""The settings of probe.py: its flags, and what must hold before anything is loaded."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spd_faith.core.config_errors import NOTHING, error_at, raise_errors
from spd_faith.core.errors import UserError
from spd_faith.dataset.merged import MergedLayout

NO_PAIRS = error_at("pairs", "missing", NOTHING, "--input_file FILE, or --multi_diff_dir FOLDER")
NO_OUTPUT = error_at("results", "no output given", NOTHING, "--output_dir, --output_file or --output_pdf")


@dataclass(frozen=True)
class ProbeSettings:
    """One field per flag of probe.py, whose help describes them."""

    probes: list[str]
    model_path: str
    input_file: Path | None
    multi_diff_dir: Path | None
    image_dir: Path | None
    layout: MergedLayout | None
    comparison_result: Path | None
    max_samples: int | None
    output_dir: Path | None
    output_file: Path | None
    output_pdf: Path | None
    layer_start: int
    layer_end: int | None
    models_file: Path
    prompts: Path
    threads: int
    device: Literal["cpu", "cuda"] | None

    def check(self) -> None:
        """Raise `UserError` with all errors in the flags, files that do not exist included."""
        raise_errors([*self._source_errors(), *self._path_errors(), *self._output_errors(), *self._range_errors()])
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(error_at("results", "not a folder", str(self.folder), "a new or existing folder"))

    @property
    def folder(self) -> Path:
        """The folder of the results; by default it is named after the output file."""
        if self.output_dir:
            return self.output_dir
        file = self.output_file or self.output_pdf
        if not file:
            raise UserError(NO_OUTPUT)
        return file.with_suffix("")

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
        if not (self.output_dir or self.output_file or self.output_pdf):
            yield NO_OUTPUT
        for name, path, suffixes in (
            ("output_file", self.output_file, [".parquet"]),
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
