"""Many sidecars' questions for advice, whose reports are as large and as restless as real ones."""

import random
from typing import Final

from loadtest.fedcluster import NAMESPACE, PORT, address
from loadtest.fedcrowd import Crowd, Poll

WAIT_S: Final = 5
"""As `sidecar.advice.client` asks."""
PAUSE_S: Final = 0.075
_RATE_PER_S: Final = 20.0
"""Of one service of one sidecar, about."""
_ADVISED: Final = b'"actions":'


class Reporting(Poll):
    """One sidecar's reports of the services `wanted`, of which service k has the pods k, k + `services`, …"""

    path = "/v1/advice"
    pause_s = PAUSE_S

    def __init__(self, crowd: Crowd, number: int, wanted: list[int], pods: int, services: int) -> None:
        self._rng = random.Random(number)
        self._usual = {
            service: {pod: 0.5 + self._rng.random() for pod in range(service, pods, services)}
            for service in wanted
        }
        question: dict[str, object] = {
            "namespace": NAMESPACE,
            "workload": f"{NAMESPACE}/service-{number % services}",
            "pod": f"pod-{number}",
            "node": "n1",
            "zone": "eu-1a",
            "wait_s": WAIT_S,
        }
        super().__init__(crowd, number, question)

    def asked(self) -> dict[str, object]:
        """With figures of this moment, no two of them the same."""
        services = [self._service(service, usual) for service, usual in self._usual.items()]
        reputations = [{"caller": f"{NAMESPACE}/service-1", "score": self._rng.random(), "punished": False}]
        return {**super().asked(), "services": services, "reputations": reputations, "events": []}

    def told(self, answer: bytes) -> bool:
        """Whether it was advised."""
        return _ADVISED in answer

    def _service(self, service: int, usual: dict[int, float]) -> dict[str, object]:
        draw = self._rng.random
        parts = {pod: part * (0.9 + 0.2 * draw()) for pod, part in usual.items()}
        whole, rate_per_s = sum(parts.values()), _RATE_PER_S * (0.8 + 0.4 * draw())
        return {
            "service": f"service-{service}.{NAMESPACE}:{PORT}",
            "rate_per_s": rate_per_s,
            "gap": 0.02 * draw(),
            "nash": 1,
            "lyapunov": draw(),
            "potential": draw(),
            "p99_s": 0.05 * (1 + draw()),
            "obeys": True,
            "conditional_regret": 0.01 * draw(),
            "endpoints": [
                self._endpoint(pod, part / whole, rate_per_s, draw()) for pod, part in parts.items()
            ],
        }

    def _endpoint(self, pod: int, share: float, rate_per_s: float, noise: float) -> dict[str, object]:
        latency_s = 0.005 * (1 + pod % 7) * (0.8 + 0.4 * noise)
        return {
            "address": f"{address(pod)}:{PORT}",
            "name": f"pod-{pod}",
            "latency_s": latency_s,
            "load": 0.3 + 0.2 * noise,
            "cost_s": latency_s * (1 + noise),
            "health": "admitted",
            "rate_per_s": rate_per_s * share,
            "share": share,
            "mix": share,
            "regret": 0.1 * noise,
        }
