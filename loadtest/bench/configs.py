"""The peers' configurations, as text: what somebody who knows each proxy would write for this job. Pure.

The job: one HTTP/1.1 listener, requests for one Host go to any of the endpoints, connections kept, no access
log, one worker. `--show-configs` prints what a run uses.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "bench-service"
PORT = 8080
AUTHORITY = f"{HOST}:{PORT}"


@dataclass(frozen=True, slots=True)
class Site:
    """Where an arm stands: its listener, the endpoints behind it (all `ip:port`), a directory of its own."""

    listen: str
    endpoints: tuple[str, ...]
    directory: Path


def envoy(site: Site) -> str:
    """LEAST_REQUEST (its advice for HTTP), no request ids, buffers of 32 KiB (its edge best practice)."""
    return json.dumps(
        {
            "node": {"id": "bench", "cluster": "bench"},
            "static_resources": {"listeners": [_envoy_listener(site)], "clusters": [_envoy_cluster(site)]},
        },
        indent=2,
    )


def _socket(address: str) -> dict[str, object]:
    host, _, port = address.rpartition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}


def _envoy_listener(site: Site) -> dict[str, object]:
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "bench",
        "codec_type": "HTTP1",
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [_envoy_virtual_host()]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {
        "name": "outbound",
        "address": _socket(site.listen),
        "per_connection_buffer_limit_bytes": 32768,
        "filter_chains": [{"filters": [network]}],
    }


def _envoy_virtual_host() -> dict[str, object]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": HOST, "timeout": "60s"}}
    return {"name": HOST, "domains": [HOST, AUTHORITY], "routes": [route]}


def _envoy_cluster(site: Site) -> dict[str, object]:
    endpoints = [{"endpoint": {"address": _socket(address)}} for address in site.endpoints]
    return {
        "name": HOST,
        "type": "STATIC",
        "lb_policy": "LEAST_REQUEST",
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": 32768,
        "load_assignment": {"cluster_name": HOST, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def haproxy(site: Site) -> str:
    """`leastconn`, connections shared between clients (`http-reuse always`)."""
    servers = "\n".join(f"    server s{i} {address}" for i, address in enumerate(site.endpoints))
    return f"""\
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 1s
    timeout client 300s
    timeout server 60s
    http-reuse always
frontend outbound
    bind {site.listen}
    use_backend {HOST} if {{ req.hdr(host) -i {AUTHORITY} }}
backend {HOST}
    balance leastconn
{servers}
"""


def _nginx_frame(site: Site, http: str) -> str:
    user = "user root;\n" if os.geteuid() == 0 else ""  # its default, nobody, cannot read our directory
    return f"""\
{user}worker_processes 1;
daemon off;
pid {site.directory}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    client_body_temp_path {site.directory}/body;
    proxy_temp_path {site.directory}/proxy;
    fastcgi_temp_path {site.directory}/fastcgi;
    uwsgi_temp_path {site.directory}/uwsgi;
    scgi_temp_path {site.directory}/scgi;
{http}}}
"""


def nginx(site: Site) -> str:
    """`least_conn`, 64 kept upstream connections without a limit on requests."""
    servers = "\n".join(f"        server {address};" for address in site.endpoints)
    return _nginx_frame(
        site,
        f"""\
    upstream endpoints {{
        least_conn;
{servers}
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {site.listen};
        server_name {HOST};
        location / {{
            proxy_pass http://endpoints;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
    }}
""",
    )


def nginx_upstream(site: Site, body: str) -> str:
    """The endpoints themselves: canned JSON, and files of `/bytes/N` from the directory; one worker."""
    listens = "\n".join(f"        listen {address};" for address in site.endpoints)
    return _nginx_frame(
        site,
        f"""\
    open_file_cache max=16;
    sendfile on;
    server {{
{listens}
        default_type application/json;
        location / {{ return 200 '{body}'; add_header X-Pod $server_addr; }}
        location /bytes/ {{ root {site.directory}; add_header X-Pod $server_addr; }}
    }}
""",
    )


def discovery(endpoints: Sequence[str]) -> str:
    """Our own sidecar's discovery file (JSON, so that PyYAML stays out of the process)."""
    service = {"host": HOST, "port": PORT, "endpoints": list(endpoints)}
    return json.dumps({"services": [service]}, indent=2)
