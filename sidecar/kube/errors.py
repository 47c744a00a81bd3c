"""What goes wrong between us and an API server, as one type that says what the server said."""

from typing import Any, Final

from sidecar.errors import EquilibriumError

UNREACHABLE: Final = "Unreachable"
"""No answer: refused, reset, timed out, TLS failed, or ended in the middle."""
SILENT: Final = "Silent"
"""A connection that is open, but says nothing within the time it should."""
UNREADABLE: Final = "Unreadable"
"""An answer that is not what the protocol says: not JSON, too large."""
NO_CREDENTIALS: Final = "NoCredentials"
"""A token or certificate file cannot be read."""


class ApiError(EquilibriumError):
    """A `Status` object of the server (API conventions, "Response Status Kind"); status 0: there was no answer."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}: {message}" if status else f"{reason}: {message}")
        self.status = status
        self.reason = reason
        """`Expired`, `Conflict`, `AlreadyExists`, `Invalid` …; one of this module's words with status 0."""
        self.message = message
        self.details = details or {}
        self.retry_after_s = retry_after_s

    @property
    def gone(self) -> bool:
        """A resourceVersion or continue token that the server no longer has: list again."""
        return self.status == 410


def from_status(status: object, code: int, what: str, retry_after_s: float | None = None) -> ApiError:
    """From what an error's body, or an ERROR event's object, was parsed to; `what` was asked."""
    if not isinstance(status, dict) or status.get("kind") != "Status":
        return ApiError(code, "Unknown", f"{what}: {str(status)[:200]}", None, retry_after_s)
    details = status.get("details")
    details = details if isinstance(details, dict) else {}
    if retry_after_s is None and isinstance(details.get("retryAfterSeconds"), int):
        retry_after_s = float(details["retryAfterSeconds"])
    named = status.get("code")
    return ApiError(
        named if isinstance(named, int) else code,
        str(status.get("reason") or "Unknown"),
        f"{what}: {status.get('message') or 'no message'}",
        details,
        retry_after_s,
    )
