"""The access log: one JSON line a request, no secrets, and never a request's problem."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.program.process import Program, discovery, program
from tests.program.wire import ask, client, pods, request, scrape, until
from tests.proxy.pods import Pod, Script, answer_ok, hang, reset, status

SECRETS = ["s3cret-query", "s3cret-cookie", "s3cret-token", "s3cret-bid", "s3cret-body", "s3cret-answer"]
FIELDS = {
    "time": float,
    "listener": str,
    "method": str,
    "path": str,
    "service": str,
    "route": str,
    "endpoint": str,
    "status": int,
    "reason": str,
    "duration_ms": float,
    "attempts": int,
    "request_bytes": int,
    "response_bytes": int,
    "caller": str,
}


@asynccontextmanager
async def logging(
    tmp_path: Path, *scripts: Script, **variables: Any
) -> AsyncIterator[tuple[Program, list[Pod], Path]]:
    """A sidecar with an access log, its pods, and where the log is."""
    log = tmp_path / "access.log"
    async with (
        pods(*scripts) as started,
        program(
            tmp_path,
            discovery(*(pod.address for pod in started)),
            **{"ACCESS_LOG": str(log), "APP": started[0].address, **variables},
        ) as sidecar,
    ):
        yield sidecar, started, log


def lines(log: Path) -> list[dict[str, Any]]:
    """The complete ones."""
    return [json.loads(line) for line in log.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


async def logged(log: Path, count: int) -> list[dict[str, Any]]:
    """Wait for so many lines, and see that there are no more."""
    await until(lambda: len(lines(log)) >= count, f"{count} requests, {count} lines")
    found = lines(log)
    assert len(found) == count, "one line a request"
    return found


async def test_a_line_tells_what_happened(tmp_path: Path) -> None:
    async with logging(tmp_path, answer_ok, WORKLOAD="shop/ticket") as (sidecar, (pod,), log):
        assert (await ask(sidecar.outbound, request("/lines/12", "POST", b"hello"))).status == 200
        (line,) = await logged(log, 1)
        assert {name: type(value) for name, value in line.items()} == FIELDS
        told = {name: line[name] for name in ("listener", "method", "path", "service", "endpoint", "status")}
        assert told == {
            "listener": "outbound",
            "method": "POST",
            "path": "/lines/12",
            "service": "bus-service",
            "endpoint": pod.address,
            "status": 200,
        }
        assert line["attempts"] == 1
        assert (line["request_bytes"], line["response_bytes"]) == (5, 2), "of body"
        assert line["duration_ms"] > 0
        assert line["reason"] == ""


async def test_what_comes_in_is_logged_too(tmp_path: Path) -> None:
    async with logging(tmp_path, answer_ok) as (sidecar, _, log):
        assert (await ask(sidecar.inbound, request("/x"))).status == 200
        (line,) = await logged(log, 1)
        assert line["listener"] == "inbound"


async def test_failures_are_lines_with_a_reason(tmp_path: Path) -> None:
    async with logging(tmp_path, reset, status(b"503 Busy")) as (sidecar, _, log):
        await ask(sidecar.outbound, request("/x", host="nobody"))
        await ask(sidecar.outbound, request("/x"))
        unknown, failed = await logged(log, 2)
        assert (unknown["status"], unknown["reason"]) == (502, "unknown-service")
        assert unknown["service"] == "nobody", "the host that was asked for"
        assert failed["attempts"] == 2, "and how often it was tried"
        assert failed["status"] in {502, 503}


async def test_a_client_that_leaves_is_a_line_too(tmp_path: Path) -> None:
    async with logging(tmp_path, hang) as (sidecar, (pod,), log):
        async with client(sidecar.outbound) as leaving:
            leaving.writer.write(request("/x"))
            await asyncio.wait_for(pod.asked.wait(), 10)
        (line,) = await logged(log, 1)
        assert (line["status"], line["reason"]) == (0, "client-gone")


async def test_secrets_never_enter_it(tmp_path: Path) -> None:
    async def talkative(call: Any) -> None:
        fields = b"Set-Cookie: s3cret-cookie\r\nWWW-Authenticate: s3cret-token\r\n"
        await call.answer(body=b"s3cret-answer", fields=fields)

    async with logging(tmp_path, talkative) as (sidecar, _, log):
        for address in (sidecar.outbound, sidecar.inbound):
            for target in (
                "/x?token=s3cret-query",
                "http://bus-service/x?s3cret-query",
                "/?s3cret-query?/x",
                "/a%3Fb?s3cret-query",
            ):
                await ask(
                    address,
                    request(
                        target,
                        "POST",
                        b"s3cret-body",
                        cookie="session=s3cret-cookie",
                        authorization="Bearer s3cret-token",
                        proxy_authorization="Basic s3cret-token",
                        x_gt_bid="s3cret-bid",
                    ),
                )
        await logged(log, 8)
        text = log.read_text()
        for secret in SECRETS:
            assert secret not in text, "no query strings, cookies, credentials or bodies in the log"
        state = (await ask(sidecar.admin, request("/state"))).body.decode()
        metrics = (await scrape(sidecar.admin)).text
        for secret in SECRETS:
            assert secret not in state + metrics + sidecar.stderr + sidecar.stdout, "nor anywhere else"


@pytest.mark.parametrize(
    "target", ["http://user:s3cret-query@bus-service/x", "http://bus-service/x#s3cret-query"]
)
async def test_credentials_in_a_target_never_enter_it(tmp_path: Path, target: str) -> None:
    async with logging(tmp_path, answer_ok) as (sidecar, _, log):
        await ask(sidecar.outbound, request(target))
        await ask(sidecar.outbound, request("/the-next"))
        await until(lambda: "/the-next" in log.read_text(), "the next request is logged")
        assert "s3cret" not in log.read_text() + sidecar.stderr


async def test_bytes_that_are_no_text_make_lines_that_are_json(tmp_path: Path) -> None:
    async with logging(tmp_path, answer_ok) as (sidecar, _, log):
        for raw in (b'GET /"quotes" HTTP/1.1', b"GET /\\back HTTP/1.1", b"GET /\xc3\xa9\xff HTTP/1.1"):
            await ask(sidecar.outbound, raw + b"\r\nHost: bus-service\r\n\r\n")
        await ask(sidecar.outbound, request("/last"))
        await until(lambda: any(line["path"] == "/last" for line in lines(log)), "the last one is logged")
        assert all(line.keys() == FIELDS.keys() for line in lines(log))


async def test_standard_output_has_the_log_and_nothing_else(tmp_path: Path) -> None:
    async with logging(tmp_path, answer_ok, ACCESS_LOG="-") as (sidecar, _, _):
        for n in range(3):
            await ask(sidecar.outbound, request(f"/{n}"))
        await until(lambda: sidecar.stdout.count("\n") == 3, "three requests, three lines on stdout")
        assert [json.loads(line)["path"] for line in sidecar.stdout.splitlines()] == ["/0", "/1", "/2"]


async def test_without_a_log_nothing_is_written(tmp_path: Path) -> None:
    async with logging(tmp_path, answer_ok, ACCESS_LOG="") as (sidecar, _, log):
        await ask(sidecar.outbound, request("/x"))
        sidecar.terminate()
        assert await sidecar.exit_status() == 0
        assert not log.exists()
        assert not sidecar.stdout


@pytest.mark.parametrize(("share", "expected"), [("0", 0), ("1", 50)])
async def test_sampling_takes_none_or_all(tmp_path: Path, share: str, expected: int) -> None:
    async with logging(tmp_path, answer_ok, ACCESS_LOG_SAMPLE=share) as (sidecar, _, log):
        async with client(sidecar.outbound) as made:
            for _ in range(50):
                assert (await made.ask(request("/x"))).status == 200
        sidecar.terminate()
        assert await sidecar.exit_status() == 0
        assert len(lines(log)) == expected


async def test_sampling_takes_about_its_share(tmp_path: Path) -> None:
    async with logging(tmp_path, answer_ok, ACCESS_LOG_SAMPLE="0.5") as (sidecar, _, log):
        async with client(sidecar.outbound) as made:
            for _ in range(400):
                await made.ask(request("/x"))
        sidecar.terminate()
        await sidecar.exit_status()
        assert 100 < len(lines(log)) < 300, "ten standard deviations either way"


async def test_the_last_lines_are_written_before_it_ends(tmp_path: Path) -> None:
    async with logging(tmp_path, hang, DRAIN_S="0") as (sidecar, (pod,), log):
        async with client(sidecar.outbound) as waiting:
            waiting.writer.write(request("/cut-off"))
            await asyncio.wait_for(pod.asked.wait(), 10)
            sidecar.terminate()
            assert await sidecar.exit_status() == 0
        assert [line["path"] for line in lines(log)] == ["/cut-off"]


async def test_it_appends_to_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text('{"path": "/yesterday"}\n')
    async with logging(tmp_path, answer_ok) as (sidecar, _, log):
        await ask(sidecar.outbound, request("/today"))
        assert [line["path"] for line in await logged(log, 2)] == ["/yesterday", "/today"]


async def test_a_full_disk_loses_lines_and_no_request(tmp_path: Path) -> None:
    async with logging(tmp_path, answer_ok, ACCESS_LOG="/dev/full") as (sidecar, _, _):
        async with client(sidecar.outbound) as made:
            for _ in range(100):
                assert (await made.ask(request("/x"))).status == 200, "a full disk costs no request"

        async def all_lost() -> bool:
            metrics = await scrape(sidecar.admin)
            return metrics.total("equilibrium_events_total", kind="access_log_lost") == 100

        await until(all_lost, "every lost line is counted")
        assert (await ask(sidecar.admin, request("/readyz"))).status == 200
        assert sidecar.stderr.count("\n") == 1, "and a full disk does not fill another one with complaints"


async def test_other_users_cannot_read_it(tmp_path: Path) -> None:
    async with logging(tmp_path, answer_ok) as (_, _, log):
        assert log.stat().st_mode & 0o007 == 0
