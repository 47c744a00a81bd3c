"""`python -m coordinator` as a process: exit codes, one cycle, cycles until SIGTERM, and what its port says."""

import asyncio
import json
import os
import re
import secrets
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from coordinator.journal import PHASES
from sidecar import clock
from sidecar.policy import auth
from tests.coordinator.loop.world import pod, world
from tests.support.kube import until

ROOT = Path(__file__).parents[3]
READY = re.compile(r"^equilibrium-coordinator ready at=(\S+)$", re.MULTILINE)
TROUBLE = re.compile(r"Traceback|Exception ignored|never retrieved|never awaited|Fatal Python")
UVLOOPS = "Fatal error on SSL protocol"
"""Its own words, and traceback, where a server goes away while something is being written to it."""
PATIENCE_S = 60.0


def environment(made=None, **variables):
    """Ours without its own variables, plus where the API server is."""
    given = {"LISTEN": "127.0.0.1:0", "LEASE_DURATION": "1s", "DEMAND_TIMEOUT": "1s"}
    if made is not None:
        given["API"] = made.api.url
        given["API_TOKEN_FILE"], given["API_CA_FILE"] = str(made.api.token_file), str(made.api.ca_file)
    given |= variables
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("EQUILIBRIUM_")}
    return inherited | {f"EQUILIBRIUM_COORDINATOR_{name}": text for name, text in given.items()}


async def started(*arguments, env, log=None):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "coordinator",
        *arguments,
        env=env,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE if log is None else log,
        stderr=asyncio.subprocess.PIPE if log is None else log,
    )


async def run(*arguments, env):
    """Exit status, stdout, stderr."""
    process = await started(*arguments, env=env)
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


class Program:
    def __init__(self, process, log):
        self.process, self._log, self.at = process, log, ""

    def said(self):
        return self._log.read_text()

    def lines(self):
        return [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]

    async def get(self, path, **headers):
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.at}{path}", headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    async def end(self):
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


@asynccontextmanager
async def running(directory, env, *arguments):
    path = directory / f"coordinator-{secrets.token_hex(4)}.log"
    with path.open("wb") as log:
        process = await started(*arguments, env=env, log=log)
    program = Program(process, path)
    try:
        await until(lambda: process.returncode is not None or READY.search(program.said()) is not None)
        assert process.returncode is None, program.said()
        program.at = READY.search(program.said())[1]
        yield program
        if process.returncode is None:
            assert await program.end() == 0, program.said()
        ours = [line for line in program.said().splitlines() if UVLOOPS not in line]
        assert not TROUBLE.search("\n".join(ours)), program.said()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_help_is_no_work():
    status, out, _ = await run("--help", env=environment())
    assert status == 0
    assert "EQUILIBRIUM_COORDINATOR_CYCLE (default: 15s)" in out


async def test_mistakes_are_all_named_and_end_it_with_2():
    status, out, err = await run("--allocator=best", env=environment(CYCLE="never", LISTEN="here"))
    assert (status, out) == (2, "")
    assert err.count("equilibrium-coordinator: ") == 3


async def test_outside_a_cluster_the_missing_cluster_is_a_configuration_mistake():
    status, _, err = await run("--once", env=environment())
    assert status == 2
    assert "KUBERNETES_SERVICE_HOST" in err


async def test_an_api_server_that_does_not_answer_is_1():
    status, out, err = await run("--once", "--dry-run", env=environment(API="http://127.0.0.1:1"))
    assert (status, out) == (1, "")
    assert "equilibrium-coordinator: the API server: " in err


async def test_once_changes_what_it_shows_and_gives_the_lease_back():
    async with world() as w:
        await w.add(pod("a"), 0.95)
        await w.add(pod("odd", {"equilibrium.io/resize": "true", "equilibrium.io/budget": "x"}))
        status, out, err = await run("--once", env=environment(w))
        assert status == 0, err
        header, *rows = out.splitlines()
        assert header.split() == ["NODE", "POD", "CONTAINER", "DEMAND", "FROM", "BID", "HAS", "GETS", "WHY"]
        assert any("shop/a" in row and "applied: " in row for row in rows)
        assert any("shop/odd" in row and "annotation: " in row for row in rows)
        assert (await w.limits())["a"] != "500m"
        (lease,) = await w.api.list("Lease")
        assert not lease["spec"].get("holderIdentity")
        assert not TROUBLE.search(err)


async def test_once_dry_shows_as_json_and_changes_nothing():
    async with world() as w:
        await w.add(pod("a"), 0.95)
        status, out, _ = await run("--once", "--dry-run", "--output", "json", env=environment(w))
        assert status == 0
        shown = json.loads(out)
        assert shown["idle"].startswith("dry run")
        assert shown["pods"][0]["grant"]["cpu_m"] > 500
        assert shown["pods"][0]["market"]["exact_m"] > 0
        assert await w.limits() == {"a": "500m"}
        assert w.sidecars["a"].proposals == []
        assert await w.api.list("Lease") == []


async def test_once_with_a_change_that_failed_is_3():
    async with world() as w:
        await w.add(pod("a"), 0.95)
        rules = [
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch", "create", "update"]}
        ]
        w.api.token_file.write_text(w.api.allow(rules))
        status, out, _ = await run("--once", env=environment(w))
        assert status == 3
        assert "forbidden: " in out


async def test_cycles_run_until_sigterm_and_the_port_tells(tmp_path):
    key = "a-mesh-key"
    async with world() as w:
        await w.add(pod("a"), 0.95)
        await w.add(pod("b"), 0.1)
        env = environment(w, CYCLE="200ms") | {"EQUILIBRIUM_MESH_KEY": key}
        async with running(tmp_path, env) as program:
            limits = await w.limits()

            async def changed():
                async with asyncio.timeout(PATIENCE_S):
                    while await w.limits() == limits:
                        await asyncio.sleep(0.05)

            await changed()
            assert await program.get("/livez") == (200, "ok\n")
            assert await program.get("/readyz") == (200, "ok\n")
            page = ""
            async with asyncio.timeout(
                PATIENCE_S
            ):  # a lease of 1 s is lost, and won again, on a busy machine
                while "equilibrium_coordinator_leading 1.0" not in page:
                    _, page = await program.get("/metrics")
            for series in (
                'mbcas_alloc_cpu_mcores{namespace="shop",pod="a"}',
                'mbcas_effective_bid{namespace="shop",pod="a"}',
                "mbcas_fairness_ratio",
                'mbcas_resize_events_total{action="up",namespace="shop",pod="a"}',
                'equilibrium_cycle_seconds_count{phase="negotiate"}',
            ):
                assert series in page
            status, text = await program.get("/state")
            assert (status, json.loads(text)["leading"]) == (200, True)
            assert (await program.get("/state", Origin="http://evil.example"))[0] == 401
            assert (await program.get("/state", **{"X-GT-Auth": "v1 t=1,n=12345678,mac=00"}))[0] == 401
            signed = auth.sign(
                key.encode(),
                method=b"GET",
                path=b"/state",
                body=b"",
                workload="shop/me",
                now_unix_s=clock.wall_s(),
                nonce=secrets.token_urlsafe(16),
            ).decode()
            assert (await program.get("/state", **{"X-GT-Auth": signed, "X-GT-Caller": "shop/me"}))[0] == 200
            proposals = w.sidecars["a"].headers
            assert proposals[0]["X-GT-Caller"] == "equilibrium-system/equilibrium-coordinator"
            assert auth.Verifier(key.encode()).verify(
                proposals[0]["X-GT-Auth"].encode(),
                method=b"POST",
                path=b"/negotiate",
                body=w.sidecars["a"].bodies[0],
                workload=proposals[0]["X-GT-Caller"],
                now_unix_s=clock.wall_s(),
            )
            assert await program.end() == 0
        phases = {line["phase"] for line in program.lines() if "phase" in line}
        assert phases == PHASES.keys() | {step for steps in PHASES.values() for step in steps}
        assert all(
            {"cycle", "decision", "reason"} <= line.keys() for line in program.lines() if "phase" in line
        )
        assert key not in program.said()
        (lease,) = await w.api.list("Lease")
        assert not lease["spec"].get("holderIdentity")


async def test_a_port_that_is_taken_ends_it_with_1():
    async with world() as w:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            status, _, err = await run(env=environment(w, LISTEN=f"127.0.0.1:{port}"))
        assert status == 1
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_while_the_api_server_is_gone(tmp_path, number):
    async with world() as w:
        await w.add(pod("a"), 0.95)
        async with running(tmp_path, environment(w, CYCLE="200ms", DRAIN_S="1")) as program:
            await until(lambda: any(line.get("phase") == "act" for line in program.lines()))
            async with w.api.gone():
                program.process.send_signal(number)
                async with asyncio.timeout(PATIENCE_S):
                    assert await program.process.wait() == 0


async def test_state_is_not_for_whom_a_proxy_on_this_host_speaks_for(tmp_path):
    async with world() as w, running(tmp_path, environment(w)) as program:
        for field in ("Via", "Forwarded", "X-Forwarded-For"):
            assert (await program.get("/state", **{field: "1.2.3.4"}))[0] == 401
        assert (await program.get("/state"))[0] == 200
