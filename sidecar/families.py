"""IPv4 and IPv6 at one port: iptables, kubelets and API servers reach a pod by whichever family the cluster uses."""

import errno
from collections.abc import Awaitable, Callable
from typing import Final

TWINS: Final = {"127.0.0.1": "::1", "0.0.0.0": "::"}  # noqa: S104
"""The same address of the other family: whoever listens on one with a fixed port listens on both."""
NO_IPV6: Final = frozenset((errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT))
"""What a kernel without IPv6 says; nobody will come that way."""


async def on_both(listen: Callable[[str], Awaitable[None]], host: str, port: int) -> None:
    """Listen on `host` and, where the port is fixed, on its twin. Raises OSError."""
    await listen(host)
    if port and host in TWINS:
        try:
            await listen(TWINS[host])
        except OSError as error:
            if error.errno not in NO_IPV6:
                raise
