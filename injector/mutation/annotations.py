"""The settings a pod's annotations may carry: one table, from annotation to parser to what is allowed.

Values are checked and kept as text, because text is what they become: environment variables, arguments and quantities.
All mistakes are found at once. docs/injection.md shows the same table to people.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from injector.mutation import loopback, opt_in, ports
from sidecar import annotations as sizes
from sidecar import contract, parsing
from sidecar.parsing import ParseError, unfit
from sidecar.policy import quantities

LEAST_MEMORY: Final = 16 * 1024**2
COPIED: Final = contract.ANNOTATION_PREFIX + "inject-copied"
"""Which annotations of a pod template came from its workload, separated by commas."""
WRITTEN: Final = frozenset((contract.STATUS, contract.INJECTED, contract.INJECT_FROM, COPIED))
"""Ours to write, never a setting."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row."""

    name: str
    parse: Callable[[str], str]
    """The text as it is used. Raises ParseError."""
    alias: str = ""

    @property
    def key(self) -> str:
        """The annotation."""
        return contract.ANNOTATION_PREFIX + self.name


def _words(*words: str) -> Callable[[str], str]:
    return parsing.parse_choice(*words)


def parse_budget(text: str) -> str:
    """A whole number above 0."""
    return str(sizes.parse_budget(text))


def parse_cpu(text: str) -> str:
    """CPU of at least 1m, as written."""
    sizes.parse_cpu(text)
    return text


def parse_memory(text: str) -> str:
    """Memory. `128m` is a quantity too (an eighth of a byte), and always a slip."""
    if quantities.parse_quantity(text) < LEAST_MEMORY:
        raise unfit("too little for any program", "at least 16Mi")
    return text


def parse_image(text: str) -> str:
    """An image reference; whether it exists only the kubelet can say."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise unfit("not an image", "a reference such as registry.example/equilibrium-sidecar:0.1.0")
    return text


SETTINGS: Final = (
    Setting("strategy", _words("balanced", "aggressive-learning", "conservative", "none")),
    Setting("mode", _words("active", "observe")),
    Setting("budget", parse_budget, alias=sizes.ALIASES[sizes.BUDGET]),
    Setting("min-cpu", parse_cpu, alias=sizes.ALIASES[sizes.MIN_CPU]),
    Setting("max-cpu", parse_cpu, alias=sizes.ALIASES[sizes.MAX_CPU]),
    Setting("resize", _words("true", "false")),
    Setting("resize-policy", _words(*sizes.POLICIES)),
    Setting("memory-hook", loopback.parse_hook),
    Setting("usage-url", loopback.parse_url),
    Setting("intercept", _words("iptables", "none")),
    Setting("skip-inbound-ports", ports.parse_ranges),
    Setting("skip-outbound-ports", ports.parse_ranges),
    Setting("opaque-ports", ports.parse_opaque),
    Setting("proxy-image", parse_image),
    Setting("proxy-cpu-request", parse_cpu),
    Setting("proxy-cpu-limit", parse_cpu),
    Setting("proxy-memory-request", parse_memory),
    Setting("proxy-memory-limit", parse_memory),
    Setting("native-sidecar", _words("true", "false")),
)
_OF_OTHERS: Final = WRITTEN | {sizes.RESIZE_SINCE}
"""Known, and no settings of a template: that one is said of a running pod, to the coordinator."""
KEYS: Final = frozenset(setting.key for setting in SETTINGS) | {contract.INJECT}
ALIASES: Final = {setting.alias: setting.key for setting in SETTINGS if setting.alias} | {
    opt_in.ALIAS: contract.INJECT
}


@dataclass(slots=True)
class Reading:
    """What the annotations of one object say."""

    values: dict[str, str] = field(default_factory=dict)
    """By the setting's name; only those that were given."""
    keys: dict[str, str] = field(default_factory=dict)
    """The annotation each came from, for messages."""
    mistakes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read(annotations: Mapping[str, str]) -> Reading:
    """Never raises: mistakes are part of the answer."""
    reading = Reading(warnings=[*_strangers(annotations), *_clashes(annotations)])
    for setting in SETTINGS:
        key = setting.key if setting.key in annotations else setting.alias
        if key not in annotations:
            continue
        text = annotations[key]
        try:
            reading.values[setting.name] = setting.parse(text)
        except ParseError as error:
            reading.mistakes += [f"{key}={text[:80]!r}: {flaw}" for flaw in error.flaws]
        reading.keys[setting.name] = key
    _compare(reading, "min-cpu", "max-cpu")
    return reading


def _compare(reading: Reading, low: str, high: str) -> None:
    if low in reading.values and high in reading.values:
        most = reading.values[high]
        if quantities.parse_quantity(reading.values[low], 1000) > quantities.parse_quantity(most, 1000):
            key, other = reading.keys[low], reading.keys[high]
            reading.mistakes.append(
                f"{key}={reading.values[low]!r}: above {other}; allowed: at most its {most}"
            )


def _strangers(annotations: Mapping[str, str]) -> Iterator[str]:
    for key in annotations:
        if key.startswith(contract.ANNOTATION_PREFIX) and key not in KEYS | _OF_OTHERS:
            yield f"annotation {key} is not known and has no effect{parsing.suggestion(key, KEYS)}"


def _clashes(annotations: Mapping[str, str]) -> Iterator[str]:
    for alias, key in ALIASES.items():
        if alias in annotations and key in annotations and annotations[alias] != annotations[key]:
            yield f"{alias}={annotations[alias]!r} is ignored: {key}={annotations[key]!r} is set"
