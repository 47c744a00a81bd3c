"""Whether a client that has closed its half is still there.

A FIN while we wait: half a close (answer still wanted) or a whole one? TCP does not say. A 100 (Continue) tells:
clients skip it (RFC 9110 §15.2), closed sockets answer it with a reset.
"""

import asyncio
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sidecar.proxy.http1.carry import Carried

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_FIRST_LOOK_S: Final = 0.02
_LONGEST_S: Final = 5.0


def ask(connection: "Carried", loop: asyncio.AbstractEventLoop) -> None:
    """Of one that waits for an answer; a client that is gone has its connection reset."""
    connection.transport.write(_CONTINUE)
    loop.call_later(_FIRST_LOOK_S, _look, connection, loop, _FIRST_LOOK_S)


def _look(connection: "Carried", loop: asyncio.AbstractEventLoop, waited_s: float) -> None:
    exchange, transport = connection.exchange, connection.transport
    if exchange is None or exchange.responded or transport.is_closing():
        return
    if transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        transport.abort()
    else:
        loop.call_later(waited_s, _look, connection, loop, min(2 * waited_s, _LONGEST_S))
