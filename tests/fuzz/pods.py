"""What must hold of every injection, for any pod that an API server would accept.

`python -m tests.fuzz.pods --count 10000` draws as many pods; the suite draws 300 (tests/injector/test_any_pod.py).
"""

import argparse
import base64
import copy
import random
import sys
from collections import Counter
from fractions import Fraction
from typing import Any

import hypothesis
import jsonpatch
import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from injector import webhook
from injector.mutation import uninject
from injector.template import Template
from sidecar import contract
from sidecar.policy import quantities
from tests.support import openapi, pods

Json = dict[str, Any]

OURS = (contract.SIDECAR_CONTAINER, contract.INIT_CONTAINER)
TEMPLATES = st.builds(
    Template,
    discovery=st.sampled_from(["dns", "coordinator:http://c:15480", "kubernetes"]),
    native=st.sampled_from([True, True, False]),
    pull_policy=st.sampled_from(["", "Always"]),
    skip_subnets=st.sampled_from([(), ("10.0.0.0/8", "fd00::/8")]),
)
FLAGS = st.frozensets(st.sampled_from(["namespace", "restricted"]))


def reviewed(pod: Json, flags: frozenset[str], template: Template) -> tuple[webhook.Answer, Json]:
    """The answer, and the response in it."""
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    request = {"uid": "u", "kind": kind, "namespace": "default", "operation": "CREATE", "object": pod}
    body = orjson.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
    answer = webhook.answer(body, flags, template)
    return answer, orjson.loads(answer.body)["response"]


def check(pod: Json, flags: frozenset[str], template: Template) -> str:
    """Every promise; the outcome, for statistics."""
    assert openapi.violations(pod) == [], "the generator made a pod that no server would accept"
    answer, response = reviewed(pod, flags, template)
    assert answer.status == 200
    assert answer.error == ""
    assert all(len(text.encode()) <= 256 for text in response.get("warnings", ()))
    assert ("patch" in response) == ("patchType" in response) == (answer.outcome == "injected")
    if answer.outcome != "injected":
        return f"{answer.outcome} {answer.reason}".strip()
    patched = jsonpatch.apply_patch(copy.deepcopy(pod), orjson.loads(base64.b64decode(response["patch"])))
    assert openapi.violations(patched) == []
    again, second = reviewed(patched, flags, template)
    assert (again.outcome, again.reason, "patch" in second) == ("skipped", "already-injected", False)
    assert meaning(uninject.uninject(patched)) == meaning(pod)
    assert quality(patched) == ("Burstable" if quality(pod) == "BestEffort" else quality(pod))
    _check_rules(patched["spec"])
    return answer.outcome


def meaning(value: Any) -> Any:
    """Without what is null or empty, which the server does not tell from what is absent."""
    if isinstance(value, dict):
        kept = {key: meaning(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, {}, [])}
    return [meaning(each) for each in value] if isinstance(value, list) else value


def every_container(spec: Json) -> list[Json]:
    """Init containers first, as they run."""
    return [*(spec.get("initContainers") or ()), *spec["containers"]]


def _check_rules(spec: Json) -> None:
    """What the server's code checks beyond the schema, and what we promise beyond the server."""
    everyone = every_container(spec)
    names = [each["name"] for each in everyone]
    assert len(names) == len(set(names))
    volumes = [each["name"] for each in spec.get("volumes") or ()]
    assert len(volumes) == len(set(volumes))
    grace_s = spec.get("terminationGracePeriodSeconds", 30)
    ours = [each for each in everyone if each["name"] in OURS]
    assert contract.SIDECAR_CONTAINER in [each["name"] for each in ours]
    for container in ours:
        _check_resources(container["resources"])
        sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep")
        assert sleep is None or 0 < sleep["seconds"] <= grace_s
    for container in everyone:
        for probe in probes(container):
            mine = probe.get("httpGet", {}).get("path", "").startswith(contract.APP_HEALTH)
            assert not (mine and "host" in probe["httpGet"])
    _check_whole(spec)


def probes(container: Json) -> list[Json]:
    """All three kinds."""
    kinds = ("livenessProbe", "readinessProbe", "startupProbe")
    return [container[kind] for kind in kinds if container.get(kind)]


def _check_resources(resources: Json) -> None:
    for name in ("cpu", "memory"):
        assert 0 < exact(resources["requests"][name]) <= exact(resources["limits"][name])


def _check_whole(spec: Json) -> None:
    """validatePodResourceConsistency: what a container asks for and may use lies within what its pod does."""
    whole = spec.get("resources") or {}
    added = next(
        each["resources"] for each in every_container(spec) if each["name"] == contract.SIDECAR_CONTAINER
    )
    for name, limit in (whole.get("limits") or {}).items():
        assert exact(added["limits"][name]) <= exact(limit)
    for name, request in (whole.get("requests") or {}).items():
        assert exact(added["requests"][name]) <= exact(request)


def exact(quantity: object) -> Fraction:
    """A quantity as a number."""
    return Fraction(quantities.parse_quantity(str(quantity), 10**9), 10**9)


def quality(pod: Json) -> str:
    """The class the server computes: k8s.io/kubernetes, pkg/apis/core/v1/helper/qos/qos.go, ComputePodQOS."""
    spec = pod["spec"]
    whole = spec.get("resources") or {}
    parts = (
        [whole]
        if whole.get("requests") or whole.get("limits")
        else [each.get("resources") or {} for each in every_container(spec)]
    )
    requests: Counter[str] = Counter()
    limits: Counter[str] = Counter()
    fixed = True
    for part in parts:
        given = part.get("limits") or {}
        _add(requests, given | (part.get("requests") or {}))  # the server sets missing requests to the limits
        fixed = _add(limits, given) == {"cpu", "memory"} and fixed
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if fixed and requests == limits else "Burstable"


def _add(total: Counter[str], given: Json) -> set[str]:
    positive = {
        name: exact(given[name]) for name in ("cpu", "memory") if name in given and exact(given[name]) > 0
    }
    for name, value in positive.items():
        total[name] += value  # type: ignore[assignment]
    return set(positive)


def run(count: int, seed: int) -> Counter[str]:
    """Draw `count` pods; raises what a broken promise raises, on the smallest pod that breaks it."""
    outcomes: Counter[str] = Counter()

    @hypothesis.seed(seed)
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(pods.pods(), FLAGS, TEMPLATES)
    def draw(pod: Json, flags: frozenset[str], template: Template) -> None:
        outcomes[check(pod, flags, template)] += 1

    draw()
    return outcomes


def main() -> int:
    """0: every promise was kept."""
    parser = argparse.ArgumentParser("python -m tests.fuzz.pods", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="pods (default: %(default)d)")
    parser.add_argument("--seed", type=int, help="of the draws (default: a new one, printed)")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(2**31)
    print(f"pods: {args.count:,}, seed {seed}", flush=True)
    for outcome, times in run(args.count, seed).most_common():
        print(f"{times:>7,} {outcome}")
    print("every promise kept")
    return 0


if __name__ == "__main__":
    sys.exit(main())
