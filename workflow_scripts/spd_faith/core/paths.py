"""Paths of a dataset's results. Rules use wildcards instead of names; commands and the plan use names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class ResultPaths:
    """The files in one folder, `results/{dataset}`; results/README.md describes them."""

    folder: Path

    @classmethod
    def of(cls, dataset: str) -> Self:
        """Relative to the project's folder, as in Snakemake's targets and options."""
        return cls(Path("results", dataset))

    @property
    def samples(self) -> Path:
        return self.folder / "samples.parquet"

    @property
    def images(self) -> Path:
        return self.folder / "images.parquet"

    @property
    def audit(self) -> Path:
        return self.folder / "audit.parquet"

    def responses(self, model: str = "{model}") -> Path:
        return self.folder / "responses" / f"{model}.parquet"

    def response_shard(self, model: str = "{model}", shard: str = "{shard}") -> Path:
        return self.folder / "shards" / model / f"{shard}.parquet"

    def response_journal(self, model: str = "{model}") -> Path:
        """Folder that stores each answer as it arrives."""
        return self.folder / "journal" / "responses" / model

    def parsed(self, model: str = "{model}") -> Path:
        return self.folder / "parsed" / f"{model}.parquet"

    def judgements(self, judge: str = "{judge}", model: str = "{model}") -> Path:
        return self.folder / "judgements" / judge / f"{model}.parquet"

    def judgement_journal(self, judge: str = "{judge}") -> Path:
        """Folder that stores each reply of a judge as it arrives, for all models."""
        return self.folder / "journal" / "judgements" / judge

    def scores(self, judge: str = "{judge}", model: str = "{model}") -> Path:
        return self.folder / "scores" / judge / f"{model}.parquet"

    def probes(self, model: str = "{model}") -> Path:
        """Folder of a model's probe tables, contrasts and groups."""
        return self.folder / "probes" / model

    def probe(self, model: str = "{model}", probe: str = "{probe}") -> Path:
        return self.probes(model) / f"{probe}.parquet"

    def figures(self, model: str = "{model}") -> Path:
        """Folder of a model's probe figures."""
        return self.folder / "figures" / model

    def leaderboard(self, suffix: str) -> Path:
        """The leaderboard in one of its formats, such as csv."""
        return self.folder / f"leaderboard.{suffix}"

    @property
    def breakdowns(self) -> Path:
        return self.folder / "breakdowns.parquet"

    @property
    def comparisons(self) -> Path:
        return self.folder / "comparisons.parquet"

    @property
    def interventions(self) -> Path:
        """What variants of models change, compared with their bases and placebos."""
        return self.folder / "interventions.parquet"

    @property
    def record(self) -> Path:
        """The configuration, the resolved revisions and the software versions of the run."""
        return self.folder / "run.json"

    @property
    def run_config(self) -> Path:
        """The run's config, for `--configfile`."""
        return self.folder / "run_config.json"

    def config(self, sha: str) -> Path:
        """The merged config of a run, named by the first characters of its sha256."""
        return self.folder / "configs" / f"{sha}.json"

    def log(self, job: str, *names: str) -> Path:
        """The log of a job; `names` are its wildcards, as in table paths."""
        return self.folder / "logs" / f"{'/'.join((job, *names))}.log"

    def benchmark(self, job: str, *names: str) -> Path:
        """Run time and memory of a job."""
        return self.benchmarks / f"{'/'.join((job, *names))}.tsv"

    @property
    def benchmarks(self) -> Path:
        return self.folder / "benchmarks"
