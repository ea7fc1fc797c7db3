"""Import the answers of a model that were made elsewhere, from the file that its entry names."""

import argparse
import logging
from pathlib import Path

from spd_faith.core.errors import run_command
from spd_faith.core.files import read_table, write_table
from spd_faith.core.schemas import RESPONSES, SAMPLES
from spd_faith.inference.answer_files import read_answer_file
from spd_faith.inference.entries import MODELS, ResponsesFileModel
from spd_faith.inference.imported_responses import import_responses, tell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="key of the models file")
    parser.add_argument("--models-file", type=Path, default=Path("config/models.yaml"))
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="responses, one row per sample and task")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    entry = MODELS.load_entry_of(ResponsesFileModel, arguments.models_file, arguments.model)
    samples = read_table(arguments.samples, SAMPLES, ["sample_id", "split", "image_id", "control"])
    file = read_answer_file(Path(entry.path))
    imported = import_responses(file, samples)
    tell(imported, samples.num_rows)
    provenance = {"model": file.model, "revision": f"sha256:{file.sha256[:12]}", "path": entry.path}
    write_table(arguments.output, imported.rows, RESPONSES, provenance | imported.counts())


if __name__ == "__main__":
    run_command(main)
