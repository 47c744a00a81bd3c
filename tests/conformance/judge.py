"""Table against observation: every function returns what is wrong, in words; nothing is wrong when it is empty."""

import json
from collections import Counter

from tests.conformance.corpus.model import (
    Abandoned,
    Answered,
    BadGateway,
    Broken,
    Closed,
    Delivered,
    Forwarded,
    Refused,
    RequestCase,
    ResponseCase,
    Sent,
    Truncated,
    Tunnelled,
    Unroutable,
)
from tests.conformance.lanes import Outcome
from tests.support.client import Reply
from tests.support.messages import Field, Message

CALLER = b"default/corpus"
_HOP_BY_HOP = frozenset((b"connection", b"transfer-encoding", b"upgrade"))


def request(case: RequestCase, outcome: Outcome) -> list[str]:
    """Everything about a request case that is not as the table says."""
    record, reply = outcome.record, outcome.reply
    wrong = _common(outcome)
    match case.expect:
        case Refused(status=status):
            wrong += _refused(reply, status)
            wrong += [f"forwarded {message!r}" for message in record.messages]
        case Closed():
            answered = reply.finals or reply.rest
            wrong += [f"answered {answered!r}"] if answered else []
            wrong += ["not closed"] if not reply.closed else []
            wrong += [f"{record.heads} heads forwarded"] if record.heads else []
        case Abandoned():
            wrong += [f"forwarded {message!r}" for message in record.messages]
        case Unroutable():
            wrong += _error(reply, 502, b"unknown-service")
            wrong += [f"{record.heads} heads forwarded"] if record.heads else []
        case Answered(status=status):
            wrong += [] if reply.statuses == (status,) else [f"answered {reply.statuses}, not {status}"]
        case Tunnelled(message=inside):
            received = [Sent(m.start, m.fields, m.body, m.trailers) for m in record.messages]
            wrong += [] if reply.statuses == (200, 200) else [f"answered {reply.statuses}"]
            wrong += [] if received == [inside] else [f"through the tunnel came {record.messages!r}"]
        case Forwarded():
            wrong += _forwarded(case, case.expect, outcome)
    return wrong


def response(case: ResponseCase, outcome: Outcome) -> list[str]:
    """Everything about a response case that is not as the table says."""
    reply = outcome.reply
    wrong = _common(outcome)
    match case.expect:
        case Delivered():
            wrong += _delivered(case, case.expect, reply)
        case BadGateway(reason=reason):
            wrong += _error(reply, 502, reason, body=case.method != b"HEAD")
        case Truncated():
            wrong += _truncated(reply)
        case Broken() if reply.finals:
            wrong += _error(reply, 502, b"", body=case.method != b"HEAD")
        case Broken():
            wrong += _truncated(reply)
    return wrong


def message(expected: Sent, received: Message) -> list[str]:
    """One message at the upstream, less what the proxy appends and what concerns the connection alone."""
    ours = [n for n, field in enumerate(received.fields) if _is_our_via(field)]
    if not ours:
        return [f"no Via of ours in {received.fields!r}"]
    before = tuple(f for f in received.fields[: ours[-1]] if not _hop(f))
    after = tuple(f for f in received.fields[ours[-1] + 1 :] if not _hop(f))
    checks = {
        "start line": (expected.start, received.start),
        "fields": (tuple(f for f in expected.fields if not _hop(f)), before),
        "connection's fields": (_hops(expected.fields), _hops(received.fields)),
        "body": (expected.body, received.body),
        "trailers": (expected.trailers, received.trailers),
        "caller": ([CALLER], [value for name, value in after if name == b"X-GT-Caller"]),
        "appended": ((), tuple(name for name, _ in after if not name.startswith(b"X-GT-"))),
        "appended twice": ([], [n for n, count in Counter(n for n, _ in after).items() if count > 1]),
    }
    return [f"{what}: expected {e!r}, got {g!r}" for what, (e, g) in checks.items() if e != g]


def _common(outcome: Outcome) -> list[str]:
    wrong = ["nothing happened for too long"] if outcome.reply.timed_out else []
    return wrong + [f"the upstream cannot read {raw!r}" for raw in outcome.record.unreadable]


def _refused(reply: Reply, status: int) -> list[str]:
    wrong = _error(reply, status, b"")
    return (
        wrong
        if reply.closed and not reply.rest
        else [*wrong, f"not closed after it, or more: {reply.rest!r}"]
    )


def _error(reply: Reply, status: int, reason: bytes, *, body: bool = True) -> list[str]:
    """An answer of the proxy's own: status, X-GT-Reason, a JSON body that says the same."""
    if reply.statuses != (status,):
        return [f"answered {reply.statuses}, not {status}; {reply.rest!r}"]
    answer = reply.finals[0]
    said = answer.values(b"X-GT-Reason")
    if len(said) != 1 or (reason and said[0] != reason):
        return [f"X-GT-Reason is {said!r}, not {reason!r}"]
    if not body:
        return []
    if json.loads(answer.body or b"{}").get("error") != said[0].decode():
        return [f"body {answer.body!r} does not name {said[0]!r}"]
    return []


def _forwarded(case: RequestCase, expect: Forwarded, outcome: Outcome) -> list[str]:
    record, reply = outcome.record, outcome.reply
    statuses = [int(case.answer.parts[0].split(b" ", 2)[1])] * len(expect.messages)
    wrong = []
    if expect.then is not None:
        statuses.append(expect.then.status)
    if list(reply.statuses) != statuses:
        wrong.append(f"answered {reply.statuses}, not {statuses}")
    if len(record.messages) != len(expect.messages):
        wrong.append(
            f"{len(record.messages)} messages forwarded, not {len(expect.messages)}: {record.messages!r}"
        )
    for expected, received in zip(expect.messages, record.messages, strict=False):
        wrong += message(expected, received)
    interim = [100] if case.answer.on_head else []
    if not case.half_close and [one.status for one in reply.interim] != interim:
        wrong.append(f"interim {reply.interim!r}")
    if bytes(record.tunnel) != expect.tunnel:
        wrong.append(f"tunnel {bytes(record.tunnel)!r}, not {expect.tunnel!r}")
    if (expect.closes or expect.then) and not reply.closed:
        wrong.append("not closed")
    return wrong


def _delivered(case: ResponseCase, expect: Delivered, reply: Reply) -> list[str]:
    if reply.statuses != (expect.status,):
        return [f"answered {reply.statuses}, not {expect.status}; {reply.rest!r}"]
    answer = reply.finals[0]
    bodiless = case.method == b"HEAD" or expect.status in (204, 304)
    has_length = bool(answer.values(b"Content-Length"))
    framing = (
        "none"
        if bodiless
        else "length"
        if has_length
        else "close"
        if case.version == b"HTTP/1.0"
        else "chunked"
    )
    checks = {
        "fields": (expect.fields, tuple(field for field in answer.fields if not _hop(field))),
        "body": (expect.body, answer.body),
        "trailers": (expect.trailers, answer.trailers),
        "framing": (framing, answer.framing),
        "interim": (expect.interim, tuple(one.status for one in reply.interim)),
    }
    return [f"{what}: expected {e!r}, got {g!r}" for what, (e, g) in checks.items() if e != g]


def _truncated(reply: Reply) -> list[str]:
    if reply.finals or not reply.closed:
        return [f"not cut: {reply!r}"]
    return []


def _is_our_via(field: Field) -> bool:
    return field[0] == b"Via" and field[1].startswith(b"1.1 eq-")


def _hop(field: Field) -> bool:
    return field[0].lower() in _HOP_BY_HOP


def _hops(fields: tuple[Field, ...]) -> list[Field]:
    return sorted((name.lower(), value.lower()) for name, value in fields if _hop((name, value)))
