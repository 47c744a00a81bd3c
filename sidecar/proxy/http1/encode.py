"""Heads back to bytes. One join per message; fields keep the order and spelling they came with."""

from typing import Final

from sidecar.proxy.message import CHUNKED, Fields, RequestHead, ResponseHead

_CHUNKED_LINE: Final = b"Transfer-Encoding: chunked"
_UPGRADE_LINES: Final = b"Connection: Upgrade\r\nUpgrade: websocket"
_CLOSE_LINE: Final = b"Connection: close"
_END: Final = b"\r\n"
_STATUS_LINES: Final[dict[int, tuple[bytes, bytes]]] = {}  # the last phrase of each status


def request(head: RequestHead, extra: Fields) -> bytes:
    """Bytes of a request head; `extra`: fields of ours, after the application's."""
    lines = [b"%b %b HTTP/1.1" % (head.method, head.target)]
    lines += [name + b": " + value for name, value in head.fields]
    lines += [name + b": " + value for name, value in extra]
    if head.length == CHUNKED:
        lines.append(_CHUNKED_LINE)
    if head.upgrade:
        lines.append(_UPGRADE_LINES)
    lines.append(_END)
    return b"\r\n".join(lines)


def _status_line(status: int, phrase: bytes) -> bytes:
    known = _STATUS_LINES.get(status)
    if known is None or known[0] != phrase:
        known = _STATUS_LINES[status] = (phrase, b"HTTP/1.1 %d %b" % (status, phrase))
    return known[1]


def response(head: ResponseHead, extra: Fields, *, chunked: bool, close: bool) -> bytes:
    """Bytes of a response head; `extra`: fields of ours."""
    lines = [_status_line(head.status, head.phrase)]
    lines += [name + b": " + value for name, value in head.fields]
    lines += [name + b": " + value for name, value in extra]
    if chunked:
        lines.append(_CHUNKED_LINE)
    if head.status == 101:
        lines.append(_UPGRADE_LINES)
    elif close:
        lines.append(_CLOSE_LINE)
    lines.append(_END)
    return b"\r\n".join(lines)
