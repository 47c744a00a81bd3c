"""The peers once more, for the part about tails: told everything they can be told about pods that fail. Pure.

Every arm gives a request 5 s. Envoy is what Istio makes of it with outlier detection switched on, and once
more tuned against the brakes in its defaults: looked at every 10 s, 30 s of ejection, and at most 10 % of
the hosts, which of three is none (`always_eject_one_host` is off unless asked for). HAProxy also gets an
active check, which nobody else has. Equilibrium gets its defaults.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from loadtest.bench import arms, configs, envoy

WITHIN_S = 5

RETRIES: Mapping[str, object] = {
    "retry_on": "connect-failure,refused-stream,reset,5xx",
    "num_retries": 2,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3"
                ".PreviousHostsPredicate"
            },
        }
    ],
    "host_selection_retry_max_attempts": 5,
}
"""Istio's, with 5xx and reset added."""
ENVOY = envoy.Care(f"{WITHIN_S}s", RETRIES, {})
TUNED = envoy.Care(
    f"{WITHIN_S}s",
    {**RETRIES, "per_try_timeout": "1s"},
    {"interval": "1s", "base_ejection_time": "5s", "max_ejection_percent": 50},
)


def haproxy(site: configs.Site) -> str:
    """Retries elsewhere, passive and active checks; down after 10 bad answers in a row or 2 bad checks."""
    defaults = f"""\
    timeout server {WITHIN_S}s
    retries 2
    option redispatch 1
    retry-on conn-failure empty-response junk-response 500 502 503 504
"""
    backend = f"""\
    option httpchk GET {configs.HEALTH}
    http-check send hdr Host {configs.AUTHORITY}
    default-server check inter 1s fall 2 rise 2 observe layer7 error-limit 10 on-error mark-down
"""
    return configs.haproxy(site, configs.Haproxy(defaults, backend))


def nginx(site: configs.Site) -> str:
    """Three failures within 10 s (its default) rest a server for as long; the next one is asked, 3 in all."""
    location = f"""\
            proxy_connect_timeout 1s;
            proxy_read_timeout {WITHIN_S}s;
            proxy_next_upstream error timeout http_500 http_502 http_503 http_504;
            proxy_next_upstream_tries 3;
            proxy_next_upstream_timeout {WITHIN_S}s;
"""
    return configs.nginx(site, configs.Nginx(" max_fails=3 fail_timeout=10s", location))


def _equilibrium(site: configs.Site) -> arms.Launch:
    launch = arms.equilibrium(site)
    bound = {"EQUILIBRIUM_TIMEOUTS": f"first-byte={WITHIN_S}s,total={WITHIN_S}s"}
    return dataclasses.replace(launch, env={**launch.env, **bound})


def _envoy(site: configs.Site) -> arms.Launch:
    return arms.envoy_launch(site, ENVOY)


def _tuned(site: configs.Site) -> arms.Launch:
    return arms.envoy_launch(site, TUNED)


def _haproxy(site: configs.Site) -> arms.Launch:
    return dataclasses.replace(arms.haproxy(site), files={"haproxy.cfg": haproxy(site)})


def _nginx(site: configs.Site) -> arms.Launch:
    return dataclasses.replace(arms.nginx(site), files={"nginx.conf": nginx(site)})


def of(present: Sequence[arms.Arm]) -> tuple[arms.Arm, ...]:
    """The careful arms of these; Envoy becomes two."""
    found = {arm.name: arm for arm in present}
    launches = (
        ("equilibrium", "equilibrium", "Equilibrium", _equilibrium),
        ("envoy", "envoy", "Envoy, outlier detection", _envoy),
        ("envoy", "envoy-tuned", "Envoy, tuned", _tuned),
        ("haproxy", "haproxy", "HAProxy, checks", _haproxy),
        ("nginx", "nginx", "nginx, max_fails", _nginx),
    )
    return tuple(
        dataclasses.replace(found[base], name=name, title=title, launch=launch)
        for base, name, title, launch in launches
        if base in found
    )
