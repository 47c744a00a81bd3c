"""deploy/Dockerfile, parsed: as much of the format as that file uses."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Stage:
    """One FROM and what follows it."""

    name: str
    base: str
    """Another stage's name, or an image."""
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def values(self, instruction: str) -> list[str]:
        """What was said with it, in order."""
        return [value for word, value in self.instructions if word == instruction]


@dataclass(slots=True)
class Dockerfile:
    """Its stages by name, in order."""

    arguments: dict[str, str]
    stages: dict[str, Stage]

    def lineage(self, name: str) -> list[Stage]:
        """A stage, the one it is built from, and so on: what ends up in the image."""
        found = []
        while name in self.stages:
            found.append(self.stages[name])
            name = found[-1].base
        return found

    def said(self, name: str, instruction: str) -> list[str]:
        """Of a stage and all below it, the last word first."""
        return [value for stage in self.lineage(name) for value in reversed(stage.values(instruction))]

    def finals(self) -> list[str]:
        """Stages that nothing else is built from or copies from: images."""
        used = {stage.base for stage in self.stages.values()}
        used |= {source for stage in self.stages.values() for source, _, _ in copies(stage) if source}
        return [name for name in self.stages if name not in used]


def read(path: Path) -> Dockerfile:
    """ValueError for what is not understood."""
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    for statement in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        word, _, value = statement.strip().partition(" ")
        if word == "FROM":
            base, named, name = re.sub(r"\$\{(\w+)\}", lambda m: arguments[m[1]], value).split()
            if named != "AS":
                raise ValueError(statement)
            stages.append(Stage(name, base))
        elif word == "ARG" and not stages:
            key, _, default = value.partition("=")
            arguments[key] = default
        elif word:
            stages[-1].instructions.append((word, " ".join(value.split())))
    return Dockerfile(arguments, {stage.name: stage for stage in stages})


def copies(stage: Stage) -> list[tuple[str, list[str], str]]:
    """Each COPY: the stage it is from (empty: the build context), sources, destination."""
    found = []
    for value in stage.values("COPY"):
        words = shlex.split(value)
        source = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else ""
        found.append((source, words[:-1], words[-1]))
    return found


def commands(stage: Stage) -> list[list[str]]:
    """Every simple command of its RUN lines, as words."""
    parts = (part for value in stage.values("RUN") for part in re.split(r"&&|\|\|", value))
    return [shlex.split(part) for part in parts]


def execed(value: str) -> list[str]:
    """ENTRYPOINT in its exec form; ValueError for the shell form, under which no signal arrives."""
    words: list[str] = json.loads(value)
    return words
