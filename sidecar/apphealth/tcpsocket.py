"""TCP probes: a connection that opens is all there is to it."""

import asyncio

from sidecar.apphealth.probes import TcpSocket, Verdict


async def ask(action: TcpSocket, host: str) -> Verdict:
    """Raises OSError when it does not open; whoever asks bounds the time."""
    _, writer = await asyncio.open_connection(host, action.port)
    writer.transport.abort()
    return Verdict(True, "connected")
