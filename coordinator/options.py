"""Flags of `equilibrium-coordinator`: how to run, and the settings worth overriding by hand."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from coordinator import settings
from coordinator.settings import Settings
from coordinator.variables import PREFIX, TABLE
from sidecar import parsing
from sidecar.errors import ConfigError

OVERRIDES: Final = (
    "cycle",
    "allocator",
    "policy",
    "no_sidecar",
    "memory",
    "prometheus",
    "namespaces",
    "api",
    "listen",
)
"""Settings that have a flag: `no_sidecar` is `--no-sidecar`."""
OUTPUTS: Final = ("table", "json")

_EPILOG: Final = """\
examples:
  equilibrium-coordinator --once --dry-run                 what would it do, and why? nobody is asked, nothing written
  equilibrium-coordinator --once --output json             one cycle for real, for scripts
  equilibrium-coordinator --cycle 5s --allocator regret    override the environment

exit status: 0 stopped on request, or the one cycle went well; 1 could not (API server, port, Lease);
2 configuration mistakes, all of them named; 3 the one cycle was done, and some changes failed

settings (docs/coordinator.md); a flag wins over its variable:
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run."""

    settings: Settings
    once: bool
    dry_run: bool
    output: Literal["table", "json"]


def parser() -> argparse.ArgumentParser:
    """`--help` teaches the flags and lists the environment."""
    made = argparse.ArgumentParser(
        prog="equilibrium-coordinator",
        description="Clears a CPU market on every node and resizes opted-in pods in place, with their consent.",
        epilog=_EPILOG + "\n".join(TABLE.help_text().splitlines()[2:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--once", action="store_true", help="one cycle, shown on stdout, and the end")
    made.add_argument(
        "--dry-run",
        action="store_true",
        help="decide and show, but ask no pod (its memory hook would have effects) and write nothing; needs no Lease",
    )
    made.add_argument("--output", default="table", metavar="table|json", help="of --once (default: table)")
    rows = {variable.field: variable for variable in TABLE.variables}
    for name in OVERRIDES:
        row = rows[name]
        made.add_argument(
            flag(name),
            dest=name,
            metavar=row.takes.replace(" ", "") if "|" in row.takes else row.field.upper(),
            help=f"{row.name} (default: {row.default or 'unset'})",
        )
    return made


def flag(name: str) -> str:
    """Of a setting."""
    return f"--{name.replace('_', '-')}"


def read(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Raise ConfigError with every mistake of flags and environment; SystemExit for --help."""
    made = parser()
    given, strange = made.parse_known_args(list(arguments))
    known = [text for action in made._actions for text in action.option_strings]  # noqa: SLF001
    mistakes = [
        f"{word}: no such flag{parsing.suggestion(word, known)}; allowed: those of --help" for word in strange
    ]
    if given.output not in OUTPUTS:
        mistakes.append(f"--output={given.output!r}: unknown; allowed: {', '.join(OUTPUTS)}")
    flags = {name: text for name in OVERRIDES if (text := getattr(given, name)) is not None}
    mistakes += [
        f"{flag(name)}='': nothing is given; allowed: a value" for name, text in flags.items() if not text
    ]
    overridden = dict(environ) | {f"{PREFIX}{name.upper()}": text for name, text in flags.items()}
    try:
        found = settings.from_env(overridden)
    except ConfigError as error:
        raise ConfigError([*mistakes, *(_as_flag(mistake, flags) for mistake in error.mistakes)]) from None
    if mistakes:
        raise ConfigError(mistakes)
    return Options(found, given.once, given.dry_run, given.output)


def _as_flag(mistake: str, flags: Mapping[str, str]) -> str:
    """A mistake of a flag is said of the flag."""
    for name in flags:
        variable = f"{PREFIX}{name.upper()}="
        if mistake.startswith(variable):
            return f"{flag(name)}={mistake.removeprefix(variable)}"
    return mistake
