"""The fuzzer's oracles over every seed and a few thousand fixed mutations; that they can fail; that time is bounded."""

import itertools
import random
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sidecar.proxy.http1 import chunked, encode, reader, requests
from sidecar.proxy.http1.encode import request as encode_request
from sidecar.proxy.http1.heads import parse_request
from sidecar.proxy.limits import Limits
from sidecar.proxy.message import Fields, RequestHead
from tests.fuzz import blind, inputs, reading
from tests.fuzz.reading import BrokenPromise
from tests.fuzz.targets import TARGETS
from tests.support.messages import UnreadableError

MUTATIONS = 6000
SEED = 20_260_101
LIMITS = Limits()


@pytest.mark.parametrize("target", TARGETS)
def test_every_seed_keeps_every_promise(target: str) -> None:
    for name, data in inputs.seeds(target).items():
        _check(target, name, data)


@pytest.mark.parametrize("target", TARGETS)
def test_the_conformance_corpus_keeps_every_promise(target: str) -> None:
    for name, data in inputs.corpus(target).items():
        _check(target, name, data)


@pytest.mark.parametrize("target", TARGETS)
def test_mutations_keep_every_promise(target: str) -> None:
    drawn = blind.mutations(inputs.starting_points(target), random.Random(SEED))
    for number, data in enumerate(itertools.islice(drawn, MUTATIONS)):
        _check(target, f"mutation {number}", data)


def _check(target: str, name: str, data: bytes) -> None:
    try:
        TARGETS[target](data)
    except Exception as error:
        raise AssertionError(f"{name}: {data!r}") from error


COMPILED = """
import random, sys
sys.path.append(sys.argv[1])  # behind site-packages: our tests, their sidecar
from sidecar.proxy.http1 import reader
from tests.fuzz import blind, inputs
from tests.fuzz.targets import TARGETS
assert reader.__file__.endswith(".so"), reader.__file__
for name, target in TARGETS.items():
    starts = inputs.starting_points(name)
    for data in starts:
        target(data)
    assert blind.run(name, target, starts, seconds=1.0, rng=random.Random(1))[1] is None
"""


def test_the_compiled_readers_keep_them_too() -> None:
    if not list(Path(sysconfig.get_path("platlib")).glob("sidecar/proxy/http1/reader*.so")):
        pytest.skip("no compiled sidecar is installed (make setup)")
    command = [sys.executable, "-P", "-c", COMPILED, str(inputs.HERE.parents[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


# -- the oracles notice: each of these is a bug they must see in the starting points alone


def _raises(raw: bytes, most: int) -> RequestHead:
    return parse_request(raw, most) if b"POST" not in raw else parse_request(raw, int("many"))


def _adds(*field: bytes) -> Callable[[bytes, int], RequestHead]:
    def parse(raw: bytes, most: int) -> RequestHead:
        head = parse_request(raw, most)
        head.fields.append((field[0], field[1]))
        return head

    return parse


def _hasty(head: bytearray, kind: str, scanned: int) -> str | None:
    return "start-line" if len(head) == 7 else None


class _LeakyDecoder(chunked.Decoder):
    def feed(self, data: bytes) -> bytes:
        payload = super().feed(data)
        if self.done:
            self.trailers = [*self.trailers, (b"X-GT-Bid", b"1")]
        return payload


class _LossyDecoder(chunked.Decoder):
    def feed(self, data: bytes) -> bytes:
        return super().feed(data)[:4]


class _PatientDecoder(chunked.Decoder):
    """Judges trailers only at the end of a packet that ends with a line."""

    def feed(self, data: bytes) -> bytes:
        return super().feed(data if data.endswith(b"\n") else data.replace(b"\0", b""))


def _bare_line_end(head: RequestHead, extra: Fields) -> bytes:
    return encode_request(head, extra).replace(b"\r\n", b"\n", 1)


def _two_hosts(head: RequestHead, extra: Fields) -> bytes:
    return encode_request(head, [(b"host", b"b")])


def _ends_twice(trailers: Fields | None) -> bytes:
    return b"0\r\n\r\n" * 2


SABOTAGE: dict[str, tuple[str, object, str, object]] = {
    "another exception": ("request", requests, "parse_request", _raises),
    "a second framing": ("request", requests, "parse_request", _adds(b"content-length", b"0")),
    "a signal": ("request", requests, "parse_request", _adds(b"X-Gt-Bid", b"1")),
    "a field split in two": ("request", requests, "parse_request", _adds(b"X", b"1\r\nY: 2")),
    "a verdict that depends on the cut": ("request", reader, "diagnose_partial", _hasty),
    "a signal in trailers": ("response", reader, "Decoder", _LeakyDecoder),
    "a body that depends on the cut": ("response", reader, "Decoder", _LossyDecoder),
    "bytes that depend on the cut": ("request", reader, "Decoder", _PatientDecoder),
    "a line end of one byte": ("request", encode, "request", _bare_line_end),
    "a second Host": ("request", encode, "request", _two_hosts),
    "a second message": ("response", chunked, "encode_end", _ends_twice),
}


@pytest.mark.parametrize("what", SABOTAGE)
def test_the_oracles_notice(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, where, name, value = SABOTAGE[what]
    monkeypatch.setattr(where, name, value)
    assert any(_fails(target, data) for data in inputs.starting_points(target))


def _fails(target: str, data: bytes) -> bool:
    try:
        TARGETS[target](data)
    except (BrokenPromise, ValueError, UnreadableError):
        return True
    return False


# -- the fuzzer itself


def test_a_crash_is_kept_and_named(tmp_path: Path) -> None:
    def fragile(data: bytes) -> None:
        if b"POST" in data:
            raise ZeroDivisionError

    rng = random.Random(SEED)
    done, crash = blind.run(
        "request", fragile, inputs.starting_points("request"), seconds=5.0, rng=rng, crashes=tmp_path
    )
    assert done >= 1
    assert crash is not None
    assert b"POST" in crash.read_bytes()


def test_a_run_without_a_find_ends_in_time(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    started = time.perf_counter()
    done, crash = blind.run("request", len, [b"GET"], seconds=0.05, rng=rng, crashes=tmp_path)
    assert done > 0
    assert crash is None
    assert time.perf_counter() - started < 2.0


def test_one_input_is_reproduced_from_the_command_line() -> None:
    seed = next((inputs.HERE / "seeds" / "request").iterdir())
    command = [sys.executable, "-m", "tests.fuzz", "--target", "request", "--input", str(seed)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "request: every promise kept" in said.stdout


# -- work grows with the input, not with its square

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
TRAILERS = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
SIZE = 12_000


def _each(prefix: bytes, part: bytes, size: int) -> Iterator[bytes]:
    yield prefix
    for _ in range(size // len(part)):
        yield part


HEADS: dict[str, Callable[[int], bytes]] = {
    "white-space-inside-a-value": lambda n: GET + b"X: " + b" " * n + b"x \r\n\r\n",
    "white-space-only": lambda n: GET + b"X: " + b" \t" * (n // 2) + b"\r\n\r\n",
    "white-space-then-control": lambda n: GET + b"X: " + b" " * n + b"\x01\r\n\r\n",
    "a-name-without-end": lambda n: GET + b"x" * n + b"\r\n\r\n",
    "colons": lambda n: GET + b"X" + b":" * n + b"\r\n\r\n",
    "connection-tokens": lambda n: GET + b"Connection: " + b"a, " * (n // 3) + b"\r\n\r\n",
    "codings": lambda n: GET + b"Transfer-Encoding: " + b"chunked, " * (n // 9) + b"\r\n\r\n",
    "host": lambda n: b"GET / HTTP/1.1\r\nHost: " + b"%41" * (n // 3) + b"%\r\n\r\n",
    "userinfo": lambda n: b"GET http://" + b"a:" * (n // 2) + b"@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "versions": lambda n: b"GET " + b"HTTP/1.1 " * (n // 9) + b"\r\n\r\n",
    "slashes": lambda n: b"GET " + b"/" * n + b" HTTP/1.2\r\nHost: a\r\n\r\n",
    "empty-lines": lambda n: b"\r\n" * (n // 2),
    "status-lines": lambda n: b"HTTP/1.1 200 " + b"HTTP/1.1 " * (n // 9) + b"\x01\r\n\r\n",
}
PARTS: dict[str, Callable[[int], Iterator[bytes]]] = {
    "target-byte-by-byte": lambda n: _each(b"GET /", b"y", n),
    "head-byte-by-byte": lambda n: _each(GET + b"X: ", b"y", n),
    "head-line-by-line": lambda n: _each(GET, b"a:" + b"y" * 998 + b"\r\n", n),
    "trailers-byte-by-byte": lambda n: _each(TRAILERS + b"X: ", b"y", n),
    "trailers-line-by-line": lambda n: _each(TRAILERS, b"a:\r\n", n),
    "chunks-of-one-byte": lambda n: _each(TRAILERS[:-3], b"1\r\nx\r\n", n),
}


@pytest.mark.parametrize("what", HEADS)
def test_a_head_costs_what_its_size_costs(what: str) -> None:
    def read(size: int) -> None:
        head = HEADS[what](size)
        reading.requests([head], LIMITS)
        reading.response([head.replace(GET, b"HTTP/1.1 200 OK\r\n")], limits=LIMITS)

    assert _growth(read) < 10.0


@pytest.mark.parametrize("what", PARTS)
def test_parts_cost_what_their_size_costs(what: str) -> None:
    assert _growth(lambda size: reading.requests(PARTS[what](size), LIMITS)) < 10.0


def _growth(read: Callable[[int], object]) -> float:
    """How much longer four times the size takes: 4 when linear, 16 when quadratic. The better of two tries."""
    return min(_cost_s(read, 4 * SIZE) / max(_cost_s(read, SIZE), 0.001) for _ in range(2))


def _cost_s(read: Callable[[int], object], size: int) -> float:
    """Processor time: others' noise does not count."""
    before = time.process_time()
    read(size)
    return time.process_time() - before
