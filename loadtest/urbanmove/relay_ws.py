"""WebSockets through the gateway: message by message, both ways, as Spring Cloud Gateway does it."""

import asyncio
import contextlib
from types import SimpleNamespace

import aiohttp
from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, web
from yarl import URL

from loadtest.urbanmove import headers
from loadtest.urbanmove.pod import Pod

CLOSE_S = 1.0
_UNSENDABLE = (1005, 1006, 1015)
"""What RFC 6455 §7.4.1 reserves: the peer sent no code, or just vanished."""

Socket = web.WebSocketResponse | ClientWebSocketResponse


async def relay(
    session: aiohttp.ClientSession, pod: Pod, request: web.Request, url: URL
) -> web.StreamResponse:
    """Open the other side first, so that its refusal is ours; then pass messages until one side leaves."""
    handshake = _Handshake()
    async with handshake.session(session) as client:
        try:
            upstream = await client.ws_connect(
                url,
                protocols=_protocols(request),
                headers=headers.passed(request.raw_headers, headers.OF_THIS_REQUEST | headers.HANDSHAKE),
            )
        except aiohttp.WSServerHandshakeError as error:
            return web.Response(status=error.status, headers=handshake.pod)
        async with upstream:
            return await _joined(pod, request, upstream, handshake.pod)


class _Handshake:
    """Reads which pod accepted: aiohttp shows the headers of a successful handshake to traces only."""

    def __init__(self) -> None:
        self.pod: dict[str, str] = {}

    def session(self, shared: aiohttp.ClientSession) -> aiohttp.ClientSession:
        """A session on the shared connections, for this handshake alone."""
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._ended)
        return aiohttp.ClientSession(
            connector=shared.connector,
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=shared.timeout,
            skip_auto_headers=shared.skip_auto_headers,
            trace_configs=[trace],
        )

    async def _ended(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, ended: aiohttp.TraceRequestEndParams
    ) -> None:
        name = ended.response.headers.get(headers.X_POD)
        if name is not None:
            self.pod[headers.X_POD] = name


def _protocols(request: web.Request) -> tuple[str, ...]:
    offered = request.headers.getall("Sec-WebSocket-Protocol", [])
    return tuple(each.strip() for line in offered for each in line.split(",") if each.strip())


async def _joined(
    pod: Pod, request: web.Request, upstream: ClientWebSocketResponse, named: dict[str, str]
) -> web.WebSocketResponse:
    protocols = (upstream.protocol,) if upstream.protocol else ()
    client = web.WebSocketResponse(protocols=protocols, compress=False, timeout=CLOSE_S)
    client.headers.update(named)
    await client.prepare(request)
    forth = asyncio.get_running_loop().create_task(_pump(client, upstream))
    pod.sockets.add(client)
    try:
        await _pump(upstream, client)
    finally:
        pod.sockets.discard(client)
        forth.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await forth
    return client


async def _pump(source: Socket, sink: Socket) -> None:
    """Pass messages on until `source` ends, then close `sink` in the same way."""
    with contextlib.suppress(ConnectionError):
        async for message in source:
            if message.type is WSMsgType.TEXT:
                await sink.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await sink.send_bytes(message.data)
    code = source.close_code
    await sink.close(code=WSCloseCode.GOING_AWAY if code is None or code in _UNSENDABLE else code)
