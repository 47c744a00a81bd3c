"""HTTP probes: the kubelet's rules, against real sockets."""

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.apphealth import httpget
from sidecar.apphealth.probes import HttpGet, Verdict
from tests.program.wire import pods, split
from tests.proxy.pods import Call, Pod, Script, answer_ok, reset, status

AGENT = "kube-probe/1.36"


async def ask(pod: Pod, **action: Any) -> Verdict:
    host, port = split(pod.address)
    return await httpget.ask(HttpGet(port, **action), host, AGENT)


def redirect(to: str, code: bytes = b"302 Found") -> Script:
    """To `to`, in which PORT is the pod's own."""

    async def script(call: Call) -> None:
        port = call.writer.get_extra_info("sockname")[1]
        location = to.replace("PORT", str(port)).encode()
        await call.answer(code, b"moved", b"Location: %b\r\n" % location)

    return script


@pytest.mark.parametrize(
    ("line", "ok"),
    [
        (b"200 OK", True),
        (b"204 No Content", True),
        (b"304 Not Modified", True),
        (b"302 Found", True),
        (b"399 Odd", True),
        (b"400 Bad Request", False),
        (b"404 Not Found", False),
        (b"503 Service Unavailable", False),
        (b"600 What", False),
    ],
)
async def test_200_to_399_is_success(line: bytes, ok: bool) -> None:
    async def script(call: Call) -> None:
        call.writer.write(b"HTTP/1.1 %b\r\nConnection: close\r\n\r\n" % line)
        call.writer.close()

    async with pods(script) as [pod]:
        assert await ask(pod) == Verdict(ok, f"answered {line[:3].decode()}")


async def test_the_request_is_the_kubelets() -> None:
    async with pods(answer_ok) as [pod]:
        await ask(pod, path="/healthz?full=1&x=%2F")
    head = pod.calls[0].head
    assert head.startswith(b"GET /healthz?full=1&x=%2F HTTP/1.1\r\n")
    fields = sorted(head.split(b"\r\n")[1:-2])
    assert fields == [
        b"Accept: */*",
        b"Connection: close",
        b"Host: " + pod.address.encode(),
        b"User-Agent: " + AGENT.encode(),
    ]


async def test_the_probes_own_headers_win_and_may_repeat() -> None:
    own = (
        ("Host", "bus.example"),
        ("user-agent", "mine"),
        ("Accept", ""),
        ("X-A", "1"),
        ("X-A", "2"),
        ("Cookie", "é"),
    )
    async with pods(answer_ok) as [pod]:
        await ask(pod, headers=own)
    fields = sorted(pod.calls[0].head.split(b"\r\n")[1:-2])
    assert fields == sorted(
        [
            b"Host: bus.example",
            b"user-agent: mine",
            b"X-A: 1",
            b"X-A: 2",
            "Cookie: é".encode(),
            b"Connection: close",
        ]
    )


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/", b"/"),
        ("healthz", b"/healthz"),
        ("/a b", b"/a%20b"),
        ("/ü?q=%41", b"/%C3%BC?q=%41"),
        ("/x#top", b"/x"),
        ("/a//b/../c", b"/a//b/../c"),
    ],
)
async def test_a_path_is_asked_for_as_it_is_written(path: str, target: bytes) -> None:
    async with pods(answer_ok) as [pod]:
        await ask(pod, path=path)
    assert pod.calls[0].head.split(b" ")[1] == target


async def test_each_probe_has_a_connection_of_its_own_and_closes_it() -> None:
    async with pods(answer_ok) as [pod]:
        for _ in range(3):
            await ask(pod)
        await asyncio.wait_for(pod.gone.wait(), 10)
        assert pod.connections == 3


async def test_a_redirect_on_the_host_is_followed_with_the_probes_headers() -> None:
    async def script(call: Call) -> None:
        moved = redirect("/elsewhere?x=1#top", b"307 Temporary Redirect")
        await (answer_ok if b"/elsewhere" in call.head else moved)(call)

    async with pods(script) as [pod]:
        assert (await ask(pod, headers=(("Host", "bus"), ("X-A", "1")))).said == "answered 200"
    assert [call.head.split(b" ")[1] for call in pod.calls] == [b"/", b"/elsewhere?x=1"]
    assert [call.field(b"Host") for call in pod.calls] == [b"bus", b"bus"]
    assert pod.calls[1].field(b"X-A") == b"1"


async def test_a_redirect_to_a_whole_url_of_the_host_is_asked_under_its_own_name() -> None:
    async with (
        pods(status(b"500 Broken")) as [other],
        pods(redirect(f"http://{other.address}/there")) as [pod],
    ):
        assert await ask(pod, headers=(("Host", "bus"),)) == Verdict(False, "answered 500")
    assert other.calls[0].field(b"Host") == other.address.encode()


@pytest.mark.parametrize("to", ["http://bus.example/", "https://127.0.0.2:PORT/", "//10.0.0.9/x"])
async def test_a_redirect_off_the_host_is_success_and_not_followed(to: str) -> None:
    async with pods(redirect(to)) as [pod]:
        assert await ask(pod) == Verdict(True, "answered 302 to another host, which is not followed")
        assert len(pod.calls) == 1


async def test_a_redirect_in_a_circle_fails_after_ten_requests() -> None:
    async with pods(redirect("/again")) as [pod]:
        assert await ask(pod) == Verdict(False, "redirected 10 times")
        assert len(pod.calls) == 10


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://[/"])
async def test_a_redirect_to_nowhere_fails(to: str) -> None:
    async with pods(redirect(to)) as [pod]:
        assert not (await ask(pod)).ok


async def test_ten_kilobytes_of_an_endless_body_are_enough() -> None:
    async def script(call: Call) -> None:
        call.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + bytes(11 * 1024))
        await asyncio.Event().wait()

    async with pods(script) as [pod]:
        assert (await ask(pod)).ok


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"",
    ],
)
async def test_an_answer_that_breaks_off_or_is_none_fails(answer: bytes) -> None:
    async def script(call: Call) -> None:
        call.writer.write(answer)
        call.writer.close()

    async with pods(script) as [pod]:
        verdict = await ask(pod)
        assert not verdict.ok
        assert verdict.said.startswith("no usable answer: ")


async def test_a_reset_fails() -> None:
    async with pods(reset) as [pod]:
        assert not (await ask(pod)).ok


async def test_nobody_there_raises_what_the_kernel_said() -> None:
    async with pods(answer_ok) as [pod]:
        await pod.stop()
        with pytest.raises(ConnectionRefusedError):
            await ask(pod)


async def test_large_heads_are_no_failure() -> None:
    async with pods(status(b"200 OK", b"X-Large: " + b"x" * 60_000 + b"\r\n")) as [pod]:
        assert (await ask(pod)).ok


async def test_compressed_bodies_are_left_compressed() -> None:
    async with pods(status(b"200 OK", b"Content-Encoding: gzip\r\n")) as [pod]:
        assert (await ask(pod)).ok, "which is no gzip, and nobody looks"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Self-signed, of another host."""
    pem = tmp_path_factory.mktemp("tls") / "pem"
    openssl = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
    ]
    command = [*openssl, "-subj", "/CN=another.example", "-keyout", str(pem), "-out", f"{pem}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    pem.write_text(pem.read_text() + Path(f"{pem}.crt").read_text())
    return pem


@contextlib.asynccontextmanager
async def tls_pod(certificate: Path) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.read()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def test_https_is_asked_without_checking_who_answers(certificate: Path) -> None:
    async with tls_pod(certificate) as port:
        action = HttpGet(port, scheme="https")
        assert await httpget.ask(action, "127.0.0.1", AGENT) == Verdict(True, "answered 200")


async def test_plain_http_to_a_tls_port_fails(certificate: Path) -> None:
    async with tls_pod(certificate) as port:
        assert not (await httpget.ask(HttpGet(port), "127.0.0.1", AGENT)).ok


async def test_https_to_a_plain_port_fails() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        action = HttpGet(server.sockets[0].getsockname()[1], scheme="https")
        with pytest.raises(OSError, match=r"WRONG_VERSION_NUMBER"):
            await httpget.ask(action, "127.0.0.1", AGENT)
