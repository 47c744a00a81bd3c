"""Who asks, how we know, and what of a question that contradicts. Pure."""

from dataclasses import dataclass, replace
from typing import Final, Literal

Proof = Literal["token", "key", "loopback"]
_ACCOUNT: Final = "system:serviceaccount:"


class Refused(Exception):
    """A question that is not answered: the HTTP status, what to do about it, and when to ask again."""

    def __init__(self, status: int, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Who:
    """What the proof says; "" where it says nothing. A token proves namespace and pod, the mesh key a workload."""

    namespace: str
    workload: str
    pod: str
    proof: Proof

    def claims(self, *, namespace: str = "", workload: str = "", pod: str = "") -> "Who":
        """With what the question says of itself, where nothing is proven. Raises `Refused` (403) where it differs."""
        home = workload.partition("/")[0] or namespace
        self._agrees("namespace", self.namespace, namespace)
        self._agrees("namespace", self.namespace or namespace, home)
        self._agrees("workload", self.workload, workload)
        self._agrees("pod", self.pod, pod)
        return replace(
            self,
            namespace=self.namespace or home,
            workload=self.workload or workload,
            pod=self.pod or pod,
        )

    def _agrees(self, what: str, proven: str, said: str) -> None:
        if proven and said and proven != said:
            how = {"token": "its token is of", "key": "it signed as", "loopback": "it also says"}[self.proof]
            raise Refused(403, f"the question says {what} {said!r}, and {how} {proven!r}; allowed: its own")


def of_account(username: str, pod: str) -> Who | None:
    """Of a token's user, `system:serviceaccount:NAMESPACE:NAME`; None for anybody else (people, nodes)."""
    namespace, _, name = username.removeprefix(_ACCOUNT).partition(":")
    if not username.startswith(_ACCOUNT) or not namespace or not name:
        return None
    return Who(namespace, "", pod, "token")
