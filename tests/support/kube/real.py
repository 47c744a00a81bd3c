"""A real etcd and kube-apiserver, where KUBEBUILDER_ASSETS names a folder with both (the envtest convention)."""

import asyncio
import contextlib
import os
import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support import ports
from tests.support.kube.cluster import Cluster
from tests.support.kube.tls import Authority

START_S = 60.0
STOP_S = 30.0
HOST = "127.0.0.1"


def assets() -> Path | None:
    """The folder with the binaries, or nothing."""
    folder = Path(os.environ.get("KUBEBUILDER_ASSETS") or "/usr/local/kubebuilder/bin")
    both = all((folder / name).is_file() for name in ("etcd", "kube-apiserver"))
    return folder if both else None


class RealServer(Cluster):
    """The real thing, without controllers: nothing schedules, runs or collects."""

    def __init__(self, binaries: Path):
        self._folder = tempfile.TemporaryDirectory(prefix="kube-real-")
        super().__init__(Path(self._folder.name))
        self._binaries = binaries
        self.processes: list[subprocess.Popen[bytes]] = []
        self._ports = [ports.free(HOST) for _ in range(3)]
        self.token = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:  # type: ignore[override]
        return f"https://{HOST}:{self._ports[2]}"

    async def __aenter__(self) -> Self:
        authority = Authority()
        self.ca_file.write_bytes(authority.pem)
        self.token_file.write_text(self.token)
        (self.directory / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')
        authority.issue(self.directory, [HOST, "localhost"])
        _signing_key(self.directory / "sa.key")
        try:
            self._start("etcd", *self._etcd())
            self._start("kube-apiserver", *self._api_server())
            async with asyncio.timeout(START_S):
                await self._ready()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._disconnect()
        for process in reversed(self.processes):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, STOP_S)
            process.kill()
            process.wait()
        self._folder.cleanup()

    def _start(self, name: str, *arguments: str) -> None:
        log = (self.directory / f"{name}.log").open("wb")
        with log:
            command = [str(self._binaries / name), *arguments]
            self.processes.append(subprocess.Popen(command, stdout=log, stderr=log))

    def _etcd(self) -> list[str]:
        client, peer = (f"http://{HOST}:{port}" for port in self._ports[:2])
        return [
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            "--unsafe-no-fsync",
        ]

    def _api_server(self) -> list[str]:
        key = self.directory / "sa.key"
        return [
            f"--etcd-servers=http://{HOST}:{self._ports[0]}",
            f"--cert-dir={self.directory}",
            f"--tls-cert-file={self.directory / 'tls.crt'}",
            f"--tls-private-key-file={self.directory / 'tls.key'}",
            f"--bind-address={HOST}",
            f"--secure-port={self._ports[2]}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            "--disable-admission-plugins=ServiceAccount",  # nobody creates the account `default`
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--token-auth-file={self.directory / 'tokens.csv'}",
        ]

    async def _ready(self) -> None:
        while True:
            for process in self.processes:
                if process.poll() is not None:
                    name = Path(process.args[0]).name  # type: ignore[index,arg-type]
                    log = (self.directory / f"{name}.log").read_text()[-2000:]
                    raise RuntimeError(f"{name} ended with {process.returncode}:\n{log}")
            with contextlib.suppress(aiohttp.ClientError):
                ready = (await self.request("GET", "/readyz")).status == 200
                if ready and (await self.request("GET", "/api/v1/namespaces/default")).status == 200:
                    return
            await asyncio.sleep(0.1)


def _signing_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, none = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, none))
