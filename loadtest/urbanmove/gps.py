"""The GPS feed: one bus per message, ten messages a second, round the active fleet."""

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from loadtest.urbanmove.pod import Pod
from sidecar import clock

INTERVAL_S = 0.1
CLOSE_S = 1.0
STRAY_DEG = 0.0005
"""How far a bus seems to be from where it was last written: about 50 m."""
_GONE = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)

Active = Callable[[], list[dict[str, Any]]]


async def feed(request: web.Request, pod: Pod, active: Active) -> web.WebSocketResponse:
    """Send positions until the client leaves or the pod drains."""
    socket = web.WebSocketResponse(compress=False, timeout=CLOSE_S)
    await socket.prepare(request)
    pod.sockets.add(socket)
    try:
        await _send_all(socket, pod, active)
    finally:
        pod.sockets.discard(socket)
    return socket


async def _send_all(socket: web.WebSocketResponse, pod: Pod, active: Active) -> None:
    sent = 0
    while await _quiet(socket):
        buses = active()
        if buses:
            await _send(socket, _update(pod, buses[sent % len(buses)]))
            sent += 1


async def _quiet(socket: web.WebSocketResponse) -> bool:
    """Wait one interval, ignoring what the client says; False when it leaves."""
    until_s = clock.now() + INTERVAL_S
    while (left_s := until_s - clock.now()) > 0:
        try:
            message = await socket.receive(timeout=left_s)
        except TimeoutError:
            return True
        if message.type in _GONE:
            return False
    return True


async def _send(socket: web.WebSocketResponse, message: bytes) -> None:
    try:
        await socket.send_str(message.decode())
    except ConnectionError:
        await socket.close()


def _update(pod: Pod, bus: dict[str, Any]) -> bytes:
    rng = pod.rng
    payload = {
        "busId": bus["id"],
        "busMatricule": bus["busNumber"],
        "lineNumber": bus["lineCode"],
        "latitude": (bus["latitude"] or 0.0) + rng.uniform(-STRAY_DEG, STRAY_DEG),
        "longitude": (bus["longitude"] or 0.0) + rng.uniform(-STRAY_DEG, STRAY_DEG),
        "speed": bus["speed"],
        "capacity": bus["capacity"],
        "occupancy": rng.randint(0, bus["capacity"]),
        "nextStop": "Bab Chellah",
        "estimatedArrival": f"{rng.randint(1, 10)} min",
    }
    return orjson.dumps({"type": "GPS_UPDATE", "payload": payload})
