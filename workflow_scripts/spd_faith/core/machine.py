"""Settings of the machine that a command depends on: the variables of the network, and the limit on open files."""

import os
import resource

from spd_faith.core.errors import UserError

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_PROXY_VARIABLES = tuple(name for proxy in _PROXIES for name in (proxy, proxy.lower()))
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_OTHER_FILES = 64  # open at once beside what is counted


def network_hint(has_certificates: bool = True) -> str:
    """The end of an error about the network: the variables that change how it is reached; "" where none is set.

    Those of certificates are left out where the connection did not come so far. Their values are left out, for a
    proxy's can hold a password.
    """
    names = _PROXY_VARIABLES + (_CERTIFICATE_VARIABLES if has_certificates else ())
    found = [name for name in names if os.environ.get(name)]
    return f" (set in the environment: {', '.join(found)})" if found else ""


def allow_open_files(count: int, reason: str) -> None:
    """Let this process open `count` files at once. Raises `UserError`, with the reason, where the system forbids it."""
    needed = count + _OTHER_FILES
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY or allowed >= needed:
        return
    if most != resource.RLIM_INFINITY and most < needed:
        raise UserError(f"only {most} files may be open at once, and {reason} needs {needed}: see `ulimit -n`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))
