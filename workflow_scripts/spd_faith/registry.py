"""All kinds of datasets, models and judges, and the probes.

Commands of cheap stages do not import this module, because the modules that a command imports are inputs of its rule.
"""

from spd_faith.core.config import Registry
from spd_faith.dataset.entries import DATASETS
from spd_faith.inference.entries import MODELS
from spd_faith.judging.entries import JUDGES
from spd_faith.probes.registry import PROBES

REGISTRY = Registry(
    datasets=DATASETS,
    models=MODELS,
    judges=JUDGES,
    probes=tuple(PROBES),
    separate_probes=tuple(name for name, probe in PROBES.items() if not probe.reads_shared_pass),
    unchanged_only=tuple(name for name, probe in PROBES.items() if not probe.measures_variants),
)
