"""The part of constraints.txt that one image needs, hashes included: `python deploy/pins.py [EXTRA | --build | -h]`.

Nothing: the project's own dependencies. EXTRA: those of an extra of pyproject.toml too. --build: what builds the
wheel. Printed to standard output, for `pip install --no-deps --require-hashes -r`. Run where both files are.

constraints.txt says of every package who needs it ("# via"), so it holds the whole graph: no resolver, no network.
"""

import re
import sys
import tomllib
from pathlib import Path

_PIN = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)
_VIA = re.compile(r"^    # via(?: (.+)|((?:\n    #   .+)+))$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def entries(constraints: str) -> dict[str, str]:
    """The text of every pin, by the package's name."""
    starts = [*_PIN.finditer(constraints)]
    ends = [match.start() for match in starts[1:]] + [len(constraints)]
    return {match[1]: constraints[match.start() : end] for match, end in zip(starts, ends, strict=True)}


def needed(pins: dict[str, str], roots: set[str]) -> set[str]:
    """The roots and all they need; SystemExit names roots that are not pinned."""
    if missing := roots - pins.keys():
        raise SystemExit(f"pins: not in constraints.txt: {', '.join(sorted(missing))}; run `make lock`")
    chosen = set(roots)
    while more := {name for name, text in pins.items() if _users(text) & chosen} - chosen:
        chosen |= more
    return chosen


def _users(text: str) -> set[str]:
    match = _VIA.search(text)
    words = (match[1] or match[2]) if match else ""
    return {word.strip() for word in re.split(r"\n    #", words)}


def roots(project: dict[str, dict[str, object]], what: str) -> set[str]:
    """Names of what is wanted directly; SystemExit names the extras there are."""
    if what == "--build":
        return _names(project["build-system"]["requires"])
    extras = project["project"]["optional-dependencies"]
    assert isinstance(extras, dict)  # noqa: S101 - the format of pyproject.toml
    if what and what not in extras:
        raise SystemExit(f"pins: no extra {what!r} in pyproject.toml; allowed: {', '.join(extras)}, --build")
    return _names(project["project"]["dependencies"]) | _names(extras.get(what, []))


def _names(requirements: object) -> set[str]:
    assert isinstance(requirements, list)  # noqa: S101 - the format of pyproject.toml
    found = (_NAME.match(requirement) for requirement in requirements)
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}


def main(arguments: list[str]) -> int:
    """Exit 0, or 1 with a message."""
    if len(arguments) > 1 or arguments in (["-h"], ["--help"]):
        print(__doc__)
        return 0 if len(arguments) == 1 else 1
    pins = entries(Path("constraints.txt").read_text())
    project = tomllib.loads(Path("pyproject.toml").read_text())
    chosen = needed(pins, roots(project, *(arguments or [""])))
    print("".join(text for name, text in pins.items() if name in chosen), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
