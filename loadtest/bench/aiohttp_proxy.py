"""The naive arm: a proxy as one would write it with aiohttp's server and client, and write it properly.

One ClientSession, keep-alive both ways, bodies streamed, hop-by-hop fields dropped (RFC 9110 7.6.1), uvloop.
It is what the sidecar's data path was measured against before it became protocols.
"""

import argparse
import asyncio
import itertools
import signal
from collections.abc import Mapping

import aiohttp
import uvloop
from aiohttp import web
from multidict import CIMultiDict

from loadtest import processes

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    named = {token.strip().lower() for token in headers.get("Connection", "").split(",")}
    dropped = HOP_BY_HOP | named
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


class Proxy:
    """Round robin over fixed endpoints."""

    def __init__(self, session: aiohttp.ClientSession, endpoints: list[str]) -> None:
        self._session = session
        self._next = itertools.cycle(endpoints)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Forward one request."""
        url = f"http://{next(self._next)}{request.raw_path}"
        body = request.content if request.can_read_body else None
        headers = _end_to_end(request.headers)
        async with self._session.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as upstream:
            response = web.StreamResponse(
                status=upstream.status, reason=upstream.reason, headers=_end_to_end(upstream.headers)
            )
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


async def serve(listen: str, endpoints: list[str]) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        runner = web.ServerRunner(web.Server(Proxy(session, endpoints).handle, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, *processes.split(listen)).start()
        await stop.wait()
        await runner.cleanup()


def main() -> int:
    """Run the proxy."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench.aiohttp_proxy")
    parser.add_argument("--listen", required=True, metavar="IP:PORT")
    parser.add_argument("endpoints", nargs="+", metavar="IP:PORT")
    chosen = parser.parse_args()
    uvloop.run(serve(chosen.listen, chosen.endpoints))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
