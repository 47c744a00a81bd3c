"""Plain values of JSON, into values that can be worked with: every mistake is noted, with where it is."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sidecar import parsing
from sidecar.parsing import Flaw, ParseError

NAMED: Final = 20
"""Mistakes said in full; of a nonsense of megabytes, the rest are counted."""
_SHOWN: Final = 60
_LONGEST: Final = 512
_ROUND: Final = 1e-6
_SERVICE: Final = re.compile(r"([a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?|\[[0-9a-f:.]{2,45}\]):([0-9]{1,5})")


class Reader:
    """One object of the question. `where` is how to find it: `services[3].endpoints[0]`."""

    def __init__(self, plain: object, where: str, flaws: list[str] | None = None) -> None:
        self._flaws = flaws if flaws is not None else []
        self._where = where
        self._plain: Mapping[str, Any] = plain if isinstance(plain, dict) else {}
        if not isinstance(plain, dict):
            self._flaws.append(f"{where or 'the question'}: {_shown(plain)} is no object; allowed: {{…}}")

    def flaw(self, name: str, why: str, allowed: str) -> None:
        """Note a mistake."""
        self._flaws.append(f"{self._at(name)}: {why}; allowed: {allowed}")

    def raise_flaws(self) -> None:
        """Raise ValueError if there were any."""
        if self._flaws:
            more = len(self._flaws) - NAMED
            raise ValueError(
                "\n".join(self._flaws[:NAMED] + ([f"and {more} more mistakes"] if more > 0 else []))
            )

    def number(self, name: str, least: float, most: float, *, needed: bool = False) -> float | None:
        """None where it is missing or null. JSON's true is no number."""
        value = self._plain.get(name)
        if type(value) is float and least <= value <= most:
            return value  # the usual case
        if value is None:
            if needed:
                self.flaw(name, "is missing", f"{least:g} to {most:g}")
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.flaw(name, f"{_shown(value)} is no number", f"{least:g} to {most:g}")
            return None
        if not least - _ROUND <= value <= most + _ROUND:  # nan fits nowhere
            self.flaw(name, f"{_shown(value)} is out of range", f"{least:g} to {most:g}")
            return None
        return min(max(float(value), least), most)  # 1.0000000002 is how a sum of shares comes out

    def flag(self, name: str) -> bool | None:
        """None where it is missing or null."""
        value = self._plain.get(name)
        if value is None or isinstance(value, bool):
            return value
        self.flaw(name, f"{_shown(value)} is neither", "true or false")
        return None

    def text(self, name: str, longest: int) -> str:
        """Empty where it is missing or null."""
        value = self._plain.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > longest:
            self.flaw(name, f"{_shown(value)} is no such text", f"up to {longest} characters")
            return ""
        return value

    def label(self, name: str, *, needed: bool = False) -> str:
        """A word for people and metrics; empty where it is missing, null or empty."""
        return self._parsed(name, _label, needed=needed)

    def workload(self, name: str) -> str:
        """`namespace/name`, which has to be there."""
        return self._parsed(name, _workload, needed=True)

    def service(self, name: str) -> str:
        """`host.namespace:port`, which has to be there."""
        return self._parsed(name, _service, needed=True)

    def address(self, name: str) -> str:
        """`ip:port` in its canonical spelling, which has to be there."""
        return self._parsed(name, _address, needed=True)

    def parts(self, name: str, most: int) -> "list[Reader]":
        """The objects of a list; none where it is missing or null, or too long to be looked at."""
        value = self._plain.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.flaw(name, f"{_shown(value)} is no list", "a list of objects")
            return []
        if len(value) > most:
            self.flaw(name, f"{len(value)} of them", f"at most {most}")
            return []
        return [Reader(each, f"{self._at(name)}[{index}]", self._flaws) for index, each in enumerate(value)]

    def once(self, name: str, words: Sequence[str]) -> None:
        """Note every word that comes twice (empty ones are mistakes already)."""
        seen: set[str] = set()
        for word in words:
            if word and word in seen:
                self.flaw(name, f"{_shown(word)} is there twice", "each once")
            seen.add(word)

    def _parsed(self, name: str, parse: Callable[[str], str | ParseError], *, needed: bool) -> str:
        value = self._plain.get(name)
        if (value is None or value == "") and not needed:
            return ""
        found = parse(value) if isinstance(value, str) else parsing.unfit("is no text", "a text")
        if isinstance(found, str):
            return found
        flaw: Flaw = found.flaws[0]
        self.flaw(name, f"{_shown(value)}: {flaw.why}" if value is not None else "is missing", flaw.allowed)
        return ""

    def _at(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name


def _remembered(parse: Callable[[str], str]) -> Callable[[str], str | ParseError]:
    """The same few thousand words come again and again, and one copy of each is enough."""
    good = lru_cache(maxsize=8192)(lambda text: sys.intern(parse(text)))

    def remembered(text: str) -> str | ParseError:
        if len(text) > _LONGEST:
            return parsing.unfit("too long", f"up to {_LONGEST} characters")
        try:
            return good(text)
        except ParseError as error:
            return error

    return remembered


def _parse_address(text: str) -> str:
    return parsing.format_host_port(*parsing.parse_host_port(text))


def _parse_service(text: str) -> str:
    found = _SERVICE.fullmatch(text)
    if not found or not 1 <= int(found[3]) <= 65535:
        raise parsing.unfit("is no service", "host.namespace:port in lower case")
    return text


_address = _remembered(_parse_address)
_service = _remembered(_parse_service)
_label = _remembered(parsing.parse_label)
_workload = _remembered(parsing.parse_workload)


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, list | dict) else f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
