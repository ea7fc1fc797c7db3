"""Write the JSON schemas of the config files, generated from the types of the config and its entries."""

import argparse
import json
from pathlib import Path

from spd_faith.core.config import json_schemas
from spd_faith.core.errors import run_command
from spd_faith.core.files import write_text
from spd_faith.registry import REGISTRY


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output-dir", type=Path, default=Path("config"), help="folder to write to; default: %(default)s"
    )
    arguments = parser.parse_args()
    for stem, schema in json_schemas(REGISTRY).items():
        write_text(arguments.output_dir / f"{stem}.schema.json", json.dumps(schema, indent=2) + "\n")


if __name__ == "__main__":
    run_command(main)
