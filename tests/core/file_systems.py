"""`flock` as it answers on the file systems of clusters, for real subprocesses."""

import os
import sys
from pathlib import Path

# Python imports this by its name at its start, so `flock` answers as it does on some file systems.
_SITECUSTOMIZE = """
import errno, fcntl, os
real, answer = fcntl.flock, os.environ["FLOCK_ANSWERS"]

def flock(descriptor, operation):
    if answer == "NFS":  # takes an exclusive lock only on a file that is opened for writing
        if not operation & fcntl.LOCK_EX or fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
            return real(descriptor, operation)
        number = errno.EBADF
    else:
        number = getattr(errno, answer)
    raise OSError(number, os.strerror(number))

fcntl.flock = flock
"""


def environment(folder: Path, flock_answers: str | None = None, **variables: str) -> dict[str, str]:
    """Of a process with the library, where `flock` answers so: an errno's name, or "NFS"; a shim goes into `folder`."""
    path = [entry for entry in sys.path if entry]
    if flock_answers:
        variables["FLOCK_ANSWERS"] = flock_answers
        shim = folder / "shim"
        shim.mkdir(exist_ok=True)
        (shim / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        path.insert(0, str(shim))
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)} | variables
