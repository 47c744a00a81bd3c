"""Envoy's configuration, as JSON: what somebody who knows it would write for this job. Pure.

LEAST_REQUEST (its advice for HTTP and Istio's default), no request ids, buffers of 32 KiB (its edge best
practice), circuit breakers as good as open, as Istio ships them: the limits of a bench are no fault.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from loadtest.bench import configs

Plain = Mapping[str, object]
MOST = 4_294_967_295
TYPES = "type.googleapis.com/envoy.extensions.filters"


@dataclass(frozen=True, slots=True)
class Care:
    """What is done about pods that fail; by default nothing, as Envoy does without being told."""

    timeout: str = "60s"
    retry_policy: Plain | None = None
    outlier_detection: Plain | None = None


CARELESS = Care()


def config(site: configs.Site, care: Care = CARELESS) -> str:
    """The whole file, one cluster and one virtual host per service."""
    clusters = [_cluster(site, host, care) for host in site.hosts]
    resources = {"listeners": [_listener(site, care)], "clusters": clusters}
    return json.dumps({"node": {"id": "bench", "cluster": "bench"}, "static_resources": resources}, indent=2)


def _socket(address: str) -> Plain:
    host, _, port = address.rpartition(":")
    return {"socket_address": {"address": host, "port_value": int(port)}}


def _listener(site: configs.Site, care: Care) -> Plain:
    router = {"@type": f"{TYPES}.http.router.v3.Router"}
    manager = {
        "@type": f"{TYPES}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "codec_type": "HTTP1",
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [_virtual_host(host, care) for host in site.hosts]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {
        "name": "outbound",
        "address": _socket(site.listen),
        "per_connection_buffer_limit_bytes": 32768,
        "filter_chains": [{"filters": [network]}],
    }


def _virtual_host(host: str, care: Care) -> Plain:
    action: dict[str, object] = {"cluster": host, "timeout": care.timeout}
    if care.retry_policy:
        action["retry_policy"] = care.retry_policy
    route = {"match": {"prefix": "/"}, "route": action}
    return {"name": host, "domains": [host, f"{host}:{configs.PORT}"], "routes": [route]}


def _cluster(site: configs.Site, host: str, care: Care) -> Plain:
    endpoints = [{"endpoint": {"address": _socket(address)}} for address in site.endpoints]
    bounds = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
    return {
        "name": host,
        "type": "STATIC",
        "lb_policy": "LEAST_REQUEST",
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": 32768,
        "circuit_breakers": {"thresholds": [dict.fromkeys(bounds, MOST)]},
        "load_assignment": {"cluster_name": host, "endpoints": [{"lb_endpoints": endpoints}]},
        **({"outlier_detection": care.outlier_detection} if care.outlier_detection is not None else {}),
    }
