"""Pods of the application on real sockets inside the test's own event loop, and a client that speaks JSON to them."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from loadtest.urbanmove import server
from loadtest.urbanmove.__main__ import ROLES
from loadtest.urbanmove.pod import Options, Pod

PATIENCE_S = 60.0
ADMIN = ("admin@urbanmove.ma", "password-admin")
RIDER = ("rider000@urbanmove.ma", "password-000")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.raw)

    @property
    def pod(self) -> str:
        return self.headers["X-Pod"]


@dataclass(frozen=True, slots=True)
class Served:
    """A running pod and a client for it."""

    at: server.Running
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://{self.at.listen}"

    @property
    def connected(self) -> bool:
        """Whether anybody holds a connection to the application's port."""
        server = self.at._runner.server
        return server is not None and any(each.transport is not None for each in server.connections)

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> Reply:
        """`headers` are given with _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        return await self._ask(method, self.url + path, body, sent)

    async def get(self, path: str, **headers: str) -> Reply:
        return await self.ask("GET", path, **headers)

    async def control(self, method: str, path: str, body: Any = None) -> Reply:
        return await self._ask(method, f"http://{self.at.control}{path}", body, {})

    async def fault(self, **fields: Any) -> None:
        reply = await self.control("PUT", "/faults", fields)
        assert reply.status == 200, f"a valid fault was refused: {reply.raw!r}"

    async def heal(self) -> None:
        await self.control("DELETE", "/faults")

    async def login(self, who: tuple[str, str] = RIDER) -> str:
        reply = await self.ask("POST", "/api/auth/login", {"email": who[0], "password": who[1]})
        assert reply.status == 200, f"{who[0]} cannot log in: {reply.raw!r}"
        return str(reply.json["accessToken"])

    async def _ask(self, method: str, url: str, body: Any, headers: dict[str, str]) -> Reply:
        data = body if isinstance(body, bytes | None) else orjson.dumps(body)
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        async with self.session.request(
            method, url, data=data, headers=headers, allow_redirects=False
        ) as answer:
            return Reply(answer.status, answer.headers, await answer.read())


@contextlib.asynccontextmanager
async def running(
    role: str,
    *,
    name: str | None = None,
    listen: str = "127.0.0.1:0",
    database: Path | None = None,
    hosts: Path | None = None,
    proxy: str | None = None,
    pay_s: float = 0.0,
) -> AsyncIterator[Served]:
    """A pod of that role, reading base URLs from the environment as always."""
    options = Options(role, name or role, database, proxy, hosts, pay_s, drain_s=0.5)
    pod = Pod.of(options)
    async with (
        server.running(pod, ROLES[role](pod), listen, "127.0.0.1:0") as at,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as session,
    ):
        yield Served(at, session)


@contextlib.asynccontextmanager
async def city(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Served]]:
    """The whole application: every service once, and the gateway, by role."""
    async with contextlib.AsyncExitStack() as stack:
        found: dict[str, Served] = {}
        for role in ("bus", "trajet", "user", "ticket", "gateway"):
            found[role] = await stack.enter_async_context(running(role))
            monkeypatch.setenv(f"{role.upper()}_SERVICE_URL", found[role].url)
        yield found


def hosts_file(directory: Path, hosts: dict[str, list[str]]) -> Path:
    """Written as the mesh does: whole or not at all."""
    path, new = directory / "hosts.json", directory / "hosts.new"
    new.write_text(json.dumps(hosts))
    new.rename(path)
    return path
