"""64 KiB and a hundred fields (RFC 6585 §5, RFC 9110 §5.4)."""

from tests.conformance.corpus.model import CRLF, GET, HOST, POST, RequestCase, refused, same

_KIB_64 = 65_536


def _padded(size: int) -> bytes:
    """A head of exactly `size` bytes."""
    start = GET + b"X-A: "
    return start + b"v" * (size - len(start) - 4) + b"\r\n\r\n"


def _fields(count: int) -> bytes:
    """A head with `count` fields, Host among them."""
    return GET + b"".join(b"X-%d: v\r\n" % n for n in range(count - 1)) + CRLF


CASES: tuple[RequestCase, ...] = (
    same("limit-head-8-kib", _padded(8192)),
    same("limit-head-exact", _padded(_KIB_64)),
    refused("limit-head-one-more", _padded(_KIB_64 + 1), 431),
    refused("limit-head-100-kib", _padded(100_000), 431),
    refused("limit-head-100-kib-in-ten-fields", GET + (b"X-A: " + b"v" * 10_000 + CRLF) * 10 + CRLF, 431),
    refused(
        "limit-head-endless", GET + b"X-A: " + b"v" * 70_000, 431, why="refused without waiting for its end"
    ),
    refused("limit-name-too-long", GET + b"N" * 66_000 + b": v\r\n\r\n", 431),
    same("limit-target-60-kib", b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n" + HOST + CRLF),
    refused(
        "limit-target-too-long",
        b"GET /" + b"a" * 66_000 + b" HTTP/1.1\r\n" + HOST + CRLF,
        431,
        why="part of the head: one limit, one status",
    ),
    refused("limit-target-endless", b"GET /" + b"a" * 70_000, 431),
    refused(
        "limit-ows-too-long",
        GET + b"X-A:" + b" " * 66_000 + b"v\r\n\r\n",
        431,
        why="bytes count, trimmed or not",
    ),
    same("limit-fields-exact", _fields(100)),
    refused("limit-fields-one-more", _fields(101), 431),
    refused("limit-fields-thousand", _fields(1000), 431),
    refused("limit-fields-empty-values", GET + b"".join(b"X-%d:\r\n" % n for n in range(200)) + CRLF, 431),
    same(
        "limit-body-200-kib",
        POST + b"Content-Length: 204800\r\n\r\n" + b"b" * 204_800,
        why="bodies have no limit",
    ),
)
