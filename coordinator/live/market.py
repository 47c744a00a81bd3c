"""A cycle, as `/state` tells it, in the live page's words. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dashboards.live import frame

Told = Mapping[str, Any]
ELSEWHERE: Final = "not in the market"
"""Where pods that take no part are shown."""


def of(told: Told, at: float, potentials: Sequence[float] = ()) -> frame.Market:
    """`at`: Unix seconds, when it began. `potentials`: of the last cycles."""
    nodes = {name: _node(node, _pods(told, name)) for name, node in told["nodes"].items()}
    for name in sorted({pod["node"] for pod in told["pods"]} - nodes.keys()):
        nodes[name] = frame.Node(pods=_pods(told, name))  # it was not come to a decision
    if outside := _outside(told):
        nodes[ELSEWHERE] = frame.Node(pods=outside)
    return frame.Market(
        cycle=told["cycle"],
        at=at,
        idle=told["idle"] or None,
        potential=told["potential"],
        fairness=told["fairness"],
        seconds=told["seconds"].get("cycle"),
        nodes=nodes,
        potentials=potentials,
        failures=told["failures"],
    )


def _node(node: Told, pods: dict[str, frame.Pod]) -> frame.Node:
    scarce = not math.isfinite(node["price"])
    return frame.Node(
        capacity_m=node["capacity_m"],
        price=None if scarce else node["price"],
        left_m=node["left_m"],
        scarce=scarce or node["infeasible"],
        idle=node["idle"],
        pods=pods,
    )


def _pods(told: Told, node: str) -> dict[str, frame.Pod]:
    became = {each["pod"]: each for each in told["outcomes"]}
    vetoed = {each["pod"]: each["reason"] for each in told["negotiated"] if each["answer"] == "vetoed"}
    return {
        pod["pod"]: _pod(pod, *_verdict(pod, became.get(pod["pod"]), vetoed.get(pod["pod"])))
        for pod in told["pods"]
        if pod["node"] == node
    }


def _pod(pod: Told, verdict: str, why: str) -> frame.Pod:
    seen, line, grant = pod["observation"] or {}, pod.get("market") or {}, pod.get("grant") or {}
    granted = grant.get("cpu_m")
    return frame.Pod(
        container=pod["container"],
        demand=seen.get("demand"),
        demand_from=seen.get("source"),
        budget=pod["budget"],
        bid=pod.get("bid"),
        usage_m=seen.get("usage_m"),
        has_m=pod["cpu_m"],
        gets_m=granted if granted is not None else line.get("cpu_m") if pod.get("held") else pod["cpu_m"],
        floor_m=pod["floor_m"],
        cap_m=pod["cap_m"],
        throttled=seen.get("throttled"),
        verdict=verdict,
        why=why or None,
    )


def _verdict(pod: Told, outcome: Told | None, veto: str | None) -> tuple[str, str]:
    """The last word on it, and the reason."""
    grant, held = pod.get("grant"), pod.get("held")
    if outcome is not None:
        because = grant["reason"] if outcome["kind"] == "applied" and grant else ""
        return outcome["kind"], because or outcome["message"] or outcome["reason"]
    if veto is not None:
        return "vetoed", veto
    if held:
        return "held", f"{held['reason']}: {held['detail']}" if held["detail"] else held["reason"]
    if grant:
        return "grant", grant["reason"]
    return "as it is", ""


def _outside(told: Told) -> dict[str, frame.Pod]:
    found = {}
    for key, each in [(each["pod"], each) for each in told["stood_down"]] + [
        (each["key"], each) for each in told["skipped"]
    ]:
        why = f"{each['reason']}: {each['detail']}" if each["detail"] else each["reason"]
        found[key] = frame.Pod(verdict="left alone", why=why)
    return found
