"""What can go wrong, on demand."""

from dataclasses import dataclass, field
from typing import Any

from tests.support.kube.status import Refusal

BUSY = "Too many requests, please try again later."


@dataclass
class Answer:
    """An answer given instead of the real one."""

    status: int
    retry_after_s: int | None = None
    times: int = 1


@dataclass
class Faults:
    """Set by a test, asked by the server.

    `gone_as_status`: a watch from before a compaction is answered 410 instead of 200 and an ERROR event.
    `stalled`: watches stay open and say nothing, as behind a dead load balancer.
    """

    gone_as_status: bool = False
    stalled: bool = False
    answers: list[Answer] = field(default_factory=list)

    def answer(self, status: int, *, times: int = 1, retry_after_s: int | None = None) -> None:
        """The next so many requests are answered with this status."""
        self.answers.append(Answer(status, retry_after_s, times))

    def next(self) -> tuple[int, dict[str, str], Any] | None:
        """(status, headers, body: an object, or a text) if the next request is to fail."""
        while self.answers and self.answers[0].times <= 0:
            self.answers.pop(0)
        if not self.answers:
            return None
        answer = self.answers[0]
        answer.times -= 1
        headers = {} if answer.retry_after_s is None else {"Retry-After": str(answer.retry_after_s)}
        if answer.status == 429:
            return 429, headers, f"{BUSY}\n"  # plain text: the server refuses before it knows the request
        reason = {500: "InternalError", 503: "ServiceUnavailable"}.get(answer.status, "")
        body = Refusal(answer.status, reason, f"the test wants a {answer.status}").body
        return answer.status, headers, body
