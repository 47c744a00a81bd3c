"""A real PostgreSQL and its real client through two sidecars that know nothing of either."""

import asyncio
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interception.mesh import meshed
from tests.program.wire import until
from tests.support.netns import Node, Pod, as_user

NOBODY = 65534
ROWS = 200_000
SERIES = f"select g || ':' || md5(g::text) from generate_series(1, {ROWS}) g"  # noqa: S608
_BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
MISSING = not _BIN or shutil.which("psql") is None

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MISSING, reason="not installed: postgresql (initdb, postgres) and psql"),
]


def tool(name: str) -> str:
    return str(_BIN[-1].with_name(name))


async def asked(pod: Pod, host: str, sql: str, sslmode: str = "prefer") -> str:
    """What psql prints; it runs as root, so it is the application."""
    argv = ["psql", f"host={host} user=postgres dbname=postgres sslmode={sslmode}", "-XAtc", sql]
    process = pod.start(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, error = await asyncio.to_thread(process.communicate, timeout=120)
    assert process.returncode == 0, error
    return str(out).strip()


async def test_queries_and_a_large_result_arrive_as_they_were_sent(node: Node, tmp_path: Path) -> None:
    here, there = node.pod(), node.pod()
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    shutil.chown(data, NOBODY, NOBODY)
    initdb = [
        *as_user(NOBODY),
        tool("initdb"),
        "-D",
        str(data),
        "-U",
        "postgres",
        "--auth=trust",
        "-N",
        "--locale=C",
    ]
    made = await asyncio.to_thread(
        lambda: subprocess.run(initdb, capture_output=True, text=True, timeout=120, check=False)
    )
    assert made.returncode == 0, made.stderr
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(
            f"host all all {there.ip}/32 trust\n"
        )  # its peer is its own pod: the last hop is the sidecar's
    options = {
        "listen_addresses": there.ip,
        "unix_socket_directories": "",
        "fsync": "off",
        "shared_buffers": "8MB",
    }
    flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    log = tmp_path / "postgres.log"
    with log.open("wb") as sink:
        there.start([*as_user(NOBODY), tool("postgres"), "-D", str(data), *flags], stdout=sink, stderr=sink)
    async with meshed(here, tmp_path / "a") as a, meshed(there, tmp_path / "b") as b:
        await until(lambda: "ready to accept" in log.read_text(), f"postgres starts: {log.read_text()}", 60)
        assert await asked(here, there.ip, "select 6 * 7") == "42"
        rows = await asked(here, there.ip, SERIES)
        expected = "\n".join(f"{n}:{hashlib.md5(str(n).encode()).hexdigest()}" for n in range(1, ROWS + 1))  # noqa: S324
        assert rows == expected
        assert await asked(here, there.ip, "select inet_client_addr()") == there.ip
        for sidecar, listener in ((a, "outbound"), (b, "inbound")):
            scrape = await sidecar.scrape()
            assert (
                scrape.total("equilibrium_redirected_total", listener=listener, protocol="opaque-port") == 3
            )
            received = scrape.total("equilibrium_tunnel_bytes_total", listener=listener, direction="received")
            assert received > len(expected)
