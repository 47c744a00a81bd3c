"""What happened between two readings of a service, in words: ejected, probing, readmitted, Nash reached. Pure."""

from collections.abc import Sequence

from loadtest.demo.recording import Event, Reading

_HEALTH = {
    "ejected": "{pod} is ejected",
    "probing": "{pod} is tried again",
    "admitted": "{pod} is readmitted",
}


def between(service: str, before: Reading | None, after: Reading) -> list[Event]:
    """In the order of the pods; none for the first reading, which only says how things are."""
    if before is None:
        return []
    return [
        Event(after.at_s, text, service) for text in (*_health(before, after), *_nash(service, before, after))
    ]


def _health(before: Reading, after: Reading) -> list[str]:
    return [
        _HEALTH[now].format(pod=pod)
        for pod, now in after.health.items()
        if pod in before.health and before.health[pod] != now
    ]


def _nash(service: str, before: Reading, after: Reading) -> Sequence[str]:
    if before.nash == after.nash or after.nash is None:
        return ()
    return (f"Nash reached for {service}",) if after.nash == 1 else (f"Nash left for {service}",)
