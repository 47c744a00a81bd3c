"""The chunked coding, byte by byte (RFC 9112 §7.1)."""

from tests.conformance.corpus.model import CHUNKED, SMUGGLED, RequestCase, chunked, refused

_END = b"0\r\n\r\n"
_TEN = b"0123456789"

_GOOD_FIRST_LINES = {
    "plain": b"a",
    "uppercase": b"A",
    "leading-zero": b"0a",
    "sixteen-digits": b"000000000000000a",
    "extension": b"a;x",
    "extension-value": b"a;x=y",
    "extension-quoted": b'a;x="y z"',
    "extension-quoted-semicolon": b'a;x=";"',
    "extension-two": b"a;x=y;z",
    "space-before-extension": b"a ;x",
    "extension-3-kib": b"a;x=" + b"y" * 3072,
}

_BAD_FIRST_LINES = {
    "empty": b"",
    "extension-only": b";x",
    "hex-prefix": b"0xa",
    "hex-prefix-upper": b"0Xa",
    "plus": b"+a",
    "minus": b"-a",
    "minus-zero": b"-0",
    "leading-space": b" a",
    "leading-tab": b"\ta",
    "trailing-space": b"a ",
    "trailing-tab": b"a\t",
    "not-hex": b"g",
    "not-hex-after": b"ag",
    "underscore": b"0_a",
    "comma": b"a,a",
    "dot": b"a.0",
    "word": b"ten",
    "seventeen-digits": b"0000000000000000a",
    "overflow-64": b"1000000000000000a",
    "thousand-zeros": b"0" * 1000 + b"a",
    "nul": b"a\x00",
    "control": b"a\x01",
    "vertical-tab": b"\x0ba",
    "high-byte": b"\xef\xbc\x91",
    "extension-nul": b"a;x\x00",
    "extension-control": b"a;x\x01",
    "extension-delete": b"a;x\x7f",
    "extension-bare-cr": b"a;x\ry",
    "extension-bare-lf": b"a;x\ny",
    "line-too-long": b"a;x=" + b"y" * 5000,
}

_WHY = {
    "trailing-space": "RFC 9112 §7.1: no whitespace in chunk-size",
    "seventeen-digits": "more than a 64-bit length needs",
    "line-too-long": "an extension nobody reads, used to burn memory",
    "extension-bare-lf": "the line would end here for one reader and go on for another",
}


def _first(line: bytes) -> bytes:
    return line + b"\r\n" + _TEN + b"\r\n" + _END


CASES: tuple[RequestCase, ...] = (
    *(
        chunked(f"chunk-{name}", _first(line), _TEN, why="RFC 9112 §7.1.1: read and dropped")
        for name, line in _GOOD_FIRST_LINES.items()
    ),
    *(
        refused(f"chunk-{name}", CHUNKED + _first(line), why=_WHY.get(name, ""))
        for name, line in _BAD_FIRST_LINES.items()
    ),
    chunked("chunk-several", b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n" + _END, b"abcdef"),
    chunked("chunk-data-with-crlf", b"6\r\n\r\n0\r\n\r\r\n" + _END, b"\r\n0\r\n\r"),
    chunked("chunk-data-looks-like-the-end", b"5\r\n" + _END + b"\r\n" + _END, _END),
    chunked("chunk-data-binary", b"100\r\n" + bytes(range(256)) + b"\r\n" + _END, bytes(range(256))),
    chunked("chunk-data-16-kib", b"4000\r\n" + b"x" * 0x4000 + b"\r\n" + _END, b"x" * 0x4000),
    chunked("chunk-last-several-zeros", b"a\r\n" + _TEN + b"\r\n0000\r\n\r\n", _TEN),
    chunked("chunk-last-extension", b"a\r\n" + _TEN + b"\r\n0;x=y\r\n\r\n", _TEN),
    chunked("chunk-fifty", b"1\r\nx\r\n" * 50 + _END, b"x" * 50),
    refused(
        "chunk-size-bare-lf",
        CHUNKED + b"a\n" + _TEN + b"\r\n" + _END,
        why="RFC 9112 §2.2 is not about chunks",
    ),
    refused("chunk-size-bare-cr", CHUNKED + b"a\r" + _TEN + b"\r\n" + _END),
    refused("chunk-size-doubled-cr", CHUNKED + b"a\r\r\n" + _TEN + b"\r\n" + _END),
    refused("chunk-data-bare-lf", CHUNKED + b"a\r\n" + _TEN + b"\n" + _END),
    refused("chunk-data-bare-cr", CHUNKED + b"a\r\n" + _TEN + b"\r" + _END),
    refused("chunk-data-no-crlf", CHUNKED + b"a\r\n" + _TEN + _END),
    refused("chunk-data-too-long", CHUNKED + b"5\r\n" + _TEN + b"\r\n" + _END),
    refused("chunk-data-short", CHUNKED + b"c\r\n" + _TEN + b"\r\n" + _END + b"\r\n"),
    refused("chunk-data-two-crlf", CHUNKED + b"a\r\n" + _TEN + b"\r\n\r\n" + _END),
    refused("chunk-data-other-bytes", CHUNKED + b"a\r\n" + _TEN + b"xx" + _END),
    refused("chunk-last-bare-lf", CHUNKED + b"a\r\n" + _TEN + b"\r\n0\n\r\n"),
    refused("chunk-last-bare-cr", CHUNKED + b"a\r\n" + _TEN + b"\r\n0\r\r\n"),
    refused("chunk-last-end-bare-lf", CHUNKED + b"a\r\n" + _TEN + b"\r\n0\r\n\n"),
    refused("chunk-last-end-bare-cr", CHUNKED + b"a\r\n" + _TEN + b"\r\n0\r\n\rx\r\n\r\n"),
    refused("chunk-last-trailing-space", CHUNKED + b"a\r\n" + _TEN + b"\r\n0 \r\n\r\n"),
    refused("chunk-last-hex-prefix", CHUNKED + b"a\r\n" + _TEN + b"\r\n0x0\r\n\r\n"),
    refused("chunk-second-size-bad", CHUNKED + b"a\r\n" + _TEN + b"\r\nxyz\r\n" + _END),
    refused("chunk-second-size-missing", CHUNKED + b"a\r\n" + _TEN + b"\r\n\r\n\r\n"),
    refused("chunk-body-not-chunked", CHUNKED + b"hello, world\r\n\r\n"),
    refused("chunk-body-is-a-request", CHUNKED + SMUGGLED),
    refused(
        "chunk-extension-hides-terminator",
        CHUNKED + b"2;\nxx\r\n45\r\n" + _END + SMUGGLED,
        why="TERM.EXT: a bare LF ends the line for one reader only",
    ),
    refused(
        "chunk-spill", CHUNKED + b"5\r\nAAAAAXX\r\n2\r\n45\r\n" + _END, why="SPILL.TERM: two bytes of slack"
    ),
)
