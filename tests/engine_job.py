"""A job with a fake engine: `engine_job.py LOG_FOLDER END [DESCRIPTOR …]`, END being `success`, `failure` or `wait`.

It prints a line when the engine serves: the engine's folder, its URL, its key. The engine's guard gets the descriptors.
With NO_SOCKETS in the environment its temporary directories hold no sockets; with FORKS it has a child like itself.
"""

import logging
import os
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

from spd_faith.core.errors import run_command
from spd_faith.endpoints.engine.process import Launch, running_engine

ENGINE = Path(__file__).with_name("fake_engine.py")


class SocketWithoutPaths(socket.socket):
    def bind(self, address):
        if self.family == socket.AF_UNIX:
            raise PermissionError(1, "Operation not permitted")
        super().bind(address)


def main():
    log_folder, end, *inherited = sys.argv[1:]
    if "NO_SOCKETS" in os.environ:
        socket.socket = SocketWithoutPaths
    command = [os.environ.get("ENGINE_COMMAND", sys.executable), str(ENGINE), "some/model"]
    timeout = float(os.environ.get("START_TIMEOUT", "300"))
    launch = Launch("the-job", command, timeout, Path(log_folder), list(map(int, inherited)))
    with running_engine(launch) as engine:
        print(engine.address.folder, engine.address.url, engine.address.key, flush=True)
        if "FORKS" in os.environ and os.fork() == 0:  # holds what the job has open
            time.sleep(600)
            os._exit(0)
        if end == "failure":
            raise RuntimeError("the job fails")
        while end == "wait":
            time.sleep(0.1)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run_command(main)
