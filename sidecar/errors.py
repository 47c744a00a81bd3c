"""A small tree whose types answer questions: whose fault, worth another attempt, which status.

Errors become HTTP in one place (`proxy.replies`); third-party exceptions are mapped where they are caught.
"""

from sidecar import contract


class EquilibriumError(Exception):
    """Base of everything the sidecar raises on purpose."""


class ConfigError(EquilibriumError):
    """The operator's mistake. Carries *every* mistake found, one a line."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class DiscoveryError(EquilibriumError):
    """A source could not be read or understood; what was known before stays in force."""


class ExchangeError(EquilibriumError):
    """One request could not be served. Class attributes: the answer when nothing more specific is said."""

    status = 502
    reason = contract.UPSTREAM_RESET
    retry_after_s: int | None = None

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        reason: str | None = None,
        rule: str = "",
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.rule = rule
        if status is not None:
            self.status = status
        if reason is not None:
            self.reason = reason
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s


class Refused(ExchangeError):
    """The client's fault: the message is malformed, ambiguous or too large. Never retried, always closed."""

    status = 400
    reason = contract.MALFORMED


class UpstreamFraming(ExchangeError):
    """The endpoint's fault: its response cannot be delimited or breaks the grammar."""

    reason = contract.UPSTREAM_FRAMING


class UpstreamReset(ExchangeError):
    """The endpoint closed or reset before its response was complete."""


class ConnectFailed(ExchangeError):
    """No connection to the endpoint: refused, unreachable, or not within the connect timeout."""

    reason = contract.CONNECT_FAILED


class TimedOut(ExchangeError):
    """The endpoint did not answer in time."""

    status = 504
    reason = contract.TIMEOUT


class UnknownService(ExchangeError):
    """Nobody knows the host, and policy is to refuse it."""

    reason = contract.UNKNOWN_SERVICE


class Unavailable(ExchangeError):
    """The service is known but cannot take this request now; says when to come back."""

    status = 503
    reason = contract.NO_ENDPOINT
    retry_after_s = 1


class Shed(ExchangeError):
    """Our application has more than it can serve: refused early, which costs little, instead of late."""

    status = 503
    reason = contract.SHED
    retry_after_s = 1


class Punished(ExchangeError):
    """This caller has taken more than its share while others wanted theirs."""

    status = 429
    reason = contract.PUNISHED
    retry_after_s = 1


class LoopDetected(ExchangeError):
    """The request has been through this very sidecar before."""

    status = 508
    reason = contract.LOOP
