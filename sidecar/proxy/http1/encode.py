"""Heads back to bytes. One join per message; fields keep the order and spelling they came with."""

from typing import Final

from sidecar.proxy.message import CHUNKED, Fields, RequestHead, ResponseHead

_CHUNKED_LINE: Final = b"Transfer-Encoding: chunked\r\n"
_UPGRADE_LINES: Final = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
_CLOSE_LINE: Final = b"Connection: close\r\n"
_COLON: Final = b": "
_END: Final = b"\r\n"
_STATUS_LINES: Final[dict[int, bytes]] = {}


def request(head: RequestHead, extra: Fields) -> bytes:
    """Bytes of a request head; `extra`: fields of ours, after the application's."""
    parts = [head.method, b" ", head.target, b" HTTP/1.1\r\n"]
    _add(parts, head.fields)
    _add(parts, extra)
    if head.length == CHUNKED:
        parts.append(_CHUNKED_LINE)
    if head.upgrade:
        parts.append(_UPGRADE_LINES)
    parts.append(_END)
    return b"".join(parts)


def response(head: ResponseHead, extra: Fields, *, chunked: bool, close: bool) -> bytes:
    """Bytes of a response head; `extra`: fields of ours."""
    parts = [_status_line(head.status), head.phrase, _END]
    _add(parts, head.fields)
    _add(parts, extra)
    if chunked:
        parts.append(_CHUNKED_LINE)
    if head.status == 101:
        parts.append(_UPGRADE_LINES)
    elif close:
        parts.append(_CLOSE_LINE)
    parts.append(_END)
    return b"".join(parts)


def _add(parts: list[bytes], fields: Fields) -> None:
    for name, value in fields:
        parts.append(name)
        parts.append(_COLON)
        parts.append(value)
        parts.append(_END)


def _status_line(status: int) -> bytes:
    line = _STATUS_LINES.get(status)
    if line is None:
        line = _STATUS_LINES[status] = b"HTTP/1.1 %d " % status
    return line
