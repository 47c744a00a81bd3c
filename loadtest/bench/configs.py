"""The peers' configurations, as text: what somebody who knows each proxy would write for this job. Pure.

The job: one HTTP/1.1 listener, requests for one Host go to any of the endpoints, connections kept, no access
log, one worker. `--show-configs` prints what a run uses.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest import canned

HOST = "bench-service"
PORT = 8080
AUTHORITY = f"{HOST}:{PORT}"
HEALTH = canned.HEALTH.decode()
"""What active checks ask for."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where an arm stands: its listener, the endpoints behind it (all `ip:port`), a directory of its own."""

    listen: str
    endpoints: tuple[str, ...]
    directory: Path
    services: int = 1
    """How many names lead to these endpoints."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The services' names, without the port; the first is the one everybody knows."""
        return hosts(self.services)


def hosts(services: int) -> tuple[str, ...]:
    """So many services' names."""
    return (HOST, *(f"{HOST}-{number}" for number in range(2, services + 1)))


@dataclass(frozen=True, slots=True)
class Haproxy:
    """Lines to add: to the defaults, to every backend."""

    defaults: str = "    timeout server 60s\n"
    backend: str = ""


@dataclass(frozen=True, slots=True)
class Nginx:
    """Words to add to every server, lines to add to the location."""

    server: str = ""
    location: str = ""


PLAIN_HAPROXY = Haproxy()
PLAIN_NGINX = Nginx()


def haproxy(site: Site, more: Haproxy = PLAIN_HAPROXY) -> str:
    """`leastconn`, connections shared between clients (`http-reuse always`)."""
    choice = f"{HOST} if {{ req.hdr(host) -i {AUTHORITY} }}"
    if site.services > 1:
        choice = "%[req.hdr(host),lower,field(1,:)]"
    backends = "".join(_haproxy_backend(site, host, more) for host in site.hosts)
    return f"""\
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 1s
    timeout client 300s
{more.defaults}    http-reuse always
frontend outbound
    bind {site.listen}
    use_backend {choice}
{backends}"""


def _haproxy_backend(site: Site, host: str, more: Haproxy) -> str:
    servers = "".join(f"    server s{i} {address}\n" for i, address in enumerate(site.endpoints))
    return f"backend {host}\n    balance leastconn\n{more.backend}{servers}"


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


def nginx(site: Site, more: Nginx = PLAIN_NGINX) -> str:
    """`least_conn`, 64 kept upstream connections without a limit on requests; one service."""
    servers = "\n".join(f"        server {address}{more.server};" for address in site.endpoints)
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
{more.location}        }}
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


def discovery(endpoints: Sequence[str], services: int = 1) -> str:
    """Our own sidecar's discovery file (JSON, so that PyYAML stays out of the process)."""
    entries = [{"host": host, "port": PORT, "endpoints": list(endpoints)} for host in hosts(services)]
    return json.dumps({"services": entries}, indent=2)
