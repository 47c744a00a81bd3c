"""Heads back to bytes. One join per message; fields keep the order and spelling they came with."""

from typing import Final

from sidecar.proxy.message import CHUNKED, Fields, RequestHead, ResponseHead

_CHUNKED_LINE: Final = b"Transfer-Encoding: chunked"
_UPGRADE_LINES: Final = b"Connection: Upgrade\r\nUpgrade: websocket"
_CLOSE_LINE: Final = b"Connection: close"
_END: Final = b"\r\n"


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


def response(head: ResponseHead, extra: Fields, *, chunked: bool, close: bool) -> bytes:
    """Bytes of a response head; `extra`: fields of ours."""
    lines = [b"HTTP/1.1 %d %b" % (head.status, head.phrase)]
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
