"""matchConditions: the part of CEL they are written in here.

    or   := and ("||" and)*          unary := "!" unary | value ["==" | "!=" | "in" value]
    and  := unary ("&&" unary)*      value := literal | list | "(" or ")" | "has(" path ")" | path
    path := name ("." name | "[" value "]")*

Names are `object`, `oldObject` and `request`. As in CEL, a missing key is an error, and `false && error` is
false whichever side the error is on. Anything else of the language is refused when it is compiled.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tests.support.kube.values import (
    EvaluationError,
    Path,
    Value,
    Variables,
    boolean,
    constant,
    either,
    relation,
)

TOKEN = re.compile(
    r"""\s*(?:(?P<op>&&|\|\||==|!=|[!().\[\],])|(?P<string>'[^'\\]*'|"[^"\\]*")"""
    r"""|(?P<number>\d+)|(?P<word>[A-Za-z_]\w*))"""
)
ROOTS = ("object", "oldObject", "request")
LITERALS = {"true": True, "false": False, "null": None}


class UnsupportedError(Exception):
    """The expression is not CEL, or a part of CEL that is not understood here."""


@lru_cache(maxsize=256)
def compiled(text: str) -> Callable[[Variables], bool]:
    """The expression as a function of the variables; raises `UnsupportedError`, the function
    `EvaluationError`."""
    value = _Parser(text).whole()

    def evaluate(variables: Variables) -> bool:
        result = value(variables)
        if not isinstance(result, bool):
            raise EvaluationError(f"expression '{text}' resulted in {result!r}, which is no bool")
        return result

    return evaluate


class _Parser:
    def __init__(self, text: str):
        self._text = text
        self._tokens = _tokens(text)
        self._at = 0

    def whole(self) -> Value:
        value = self._or()
        if self._kind:
            raise UnsupportedError(f"unexpected {self._word!r} in {self._text!r}")
        return value

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _word(self) -> str:
        return self._tokens[self._at][1]

    def _take(self, *wanted: str) -> str:
        """The next token if it is one of these operators or words, else nothing."""
        if self._kind not in ("op", "word") or self._word not in wanted:
            return ""
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _expect(self, wanted: str) -> None:
        if not self._take(wanted):
            raise UnsupportedError(f"expected {wanted!r} before {self._word!r} in {self._text!r}")

    def _or(self) -> Value:
        value = self._and()
        while self._take("||"):
            value = either(value, self._and(), decisive=True)
        return value

    def _and(self) -> Value:
        value = self._unary()
        while self._take("&&"):
            value = either(value, self._unary(), decisive=False)
        return value

    def _unary(self) -> Value:
        if self._take("!"):
            inside = self._unary()
            return lambda variables: not boolean(inside(variables))
        left = self._value()
        operator = self._take("==", "!=", "in")
        return relation(operator, left, self._value()) if operator else left

    def _value(self) -> Value:
        if self._take("("):
            value = self._or()
            self._expect(")")
            return value
        if self._take("["):
            return self._list()
        kind, word = self._kind, self._word
        self._at += bool(kind)
        if kind in ("string", "number"):
            literal: Any = word[1:-1] if kind == "string" else int(word)
            return lambda variables: literal
        if kind == "word" and word in LITERALS:
            return lambda variables: LITERALS[word]
        if kind == "word" and word == "has":
            return self._has()
        if kind != "word" or word not in ROOTS:
            raise UnsupportedError(f"undeclared reference to {word!r} in {self._text!r}")
        return self._path(word)

    def _list(self) -> Value:
        items: list[Value] = []
        while not self._take("]"):
            items.append(self._value())
            if not self._take(",") and self._word != "]":
                raise UnsupportedError(f"expected ',' or ']' in {self._text!r}")
        return lambda variables: [item(variables) for item in items]

    def _has(self) -> Value:
        self._expect("(")
        path = self._value()
        if not isinstance(path, Path) or not path.dotted:
            raise UnsupportedError(f"has() takes a field, as in has(object.spec): {self._text!r}")
        self._expect(")")
        return path.present

    def _path(self, root: str) -> Path:
        steps: list[Value] = []
        dotted = False
        while True:
            if self._take("."):
                if self._kind != "word" or self._tokens[self._at + 1][1] == "(":
                    raise UnsupportedError(f"functions are not understood here: {self._text!r}")
                steps.append(constant(self._word))
                self._at += 1
                dotted = True
            elif self._take("["):
                steps.append(self._value())
                self._expect("]")
                dotted = False
            else:
                return Path(root, tuple(steps), dotted)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(text.rstrip()):
        token = TOKEN.match(text, at)
        if token is None:
            raise UnsupportedError(f"unexpected {text[at:].strip()[:10]!r} in {text!r}")
        found.append((str(token.lastgroup), token[str(token.lastgroup)]))
        at = token.end()
    return [*found, ("", ""), ("", "")]
