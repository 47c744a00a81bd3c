"""gRPC probes: `grpc.health.v1.Health/Check` over plain HTTP/2, as the kubelet asks it (KEP-2727).

Why a call failed is in trailers we do not decode (`http2`): a server without the health service and one that does not
know the service's name read the same here.
"""

import asyncio
from typing import Final

from sidecar import parsing
from sidecar.apphealth import http2, messages
from sidecar.apphealth.probes import Grpc, Verdict

PATH: Final = "/grpc.health.v1.Health/Check"


async def ask(action: Grpc, host: str, agent: str) -> Verdict:
    """One call on a connection of its own. Raises OSError when there is none; whoever asks bounds the time."""
    reader, writer = await asyncio.open_connection(host, action.port)
    answer = http2.Answer()
    try:
        writer.write(_request(action, host, agent))
        while not answer.over and messages.first(answer.body) is None:
            data = await reader.read(4096)
            if not data:
                answer.over = "the server closed the connection"
            reply = answer.receive(data)
            if reply and not writer.is_closing():  # uvloop raises when the connection is lost already
                writer.write(reply)
    finally:
        writer.transport.abort()  # at once: what may still be unsent is an acknowledgement nobody needs
    return _verdict(answer)


def _request(action: Grpc, host: str, agent: str) -> bytes:
    authority = parsing.format_host_port(host, action.port)
    fields = (("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", agent))
    return http2.post(authority, PATH, fields, messages.framed(messages.check(action.service)))


def _verdict(answer: http2.Answer) -> Verdict:
    message = messages.first(answer.body)
    if message is None:
        hint = f"is {PATH[1:]} served there, and does it know this service?"
        return Verdict(False, f"no health status: {answer.over} ({hint})")
    status = messages.status(message)
    if status is None:
        return Verdict(False, "answered something that is no HealthCheckResponse")
    return Verdict(status == messages.SERVING, f"answered {messages.STATUSES.get(status, status)}")
