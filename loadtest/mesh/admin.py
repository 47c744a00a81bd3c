"""Asking a pod's admin and control ports: plain HTTP from loopback, one short connection a question."""

import http.client
from typing import Any

import orjson

from loadtest import processes

TIMEOUT_S = 5.0


class AnswerError(Exception):
    """The port answered, but not with success; the message carries status and text."""


def ask(address: str, method: str, path: str, fields: object = None) -> bytes:
    """The body of a 2xx answer; `fields` are sent as JSON. AnswerError for other answers, OSError for none."""
    connection = http.client.HTTPConnection(*processes.split(address), timeout=TIMEOUT_S)
    try:
        body = None if fields is None else orjson.dumps(fields)
        headers = {"Connection": "close", **({"Content-Type": "application/json"} if body else {})}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"{method} http://{address}{path}: {error!r}") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        said = text.decode(errors="replace").strip()
        raise AnswerError(f"{method} http://{address}{path}: {answer.status} {said}")
    return text


def state(address: str) -> dict[str, Any]:
    """`/state` of the sidecar whose admin port this is."""
    told: dict[str, Any] = orjson.loads(ask(address, "GET", "/state"))
    return told


def endpoints(address: str, service: str) -> frozenset[str]:
    """What the sidecar believes to be the endpoints of a service."""
    return frozenset(state(address)["services"].get(service, {}).get("endpoints", ()))
