"""How a program of this folder ends: status 3 for what could not be done, so that 1 is a verdict and no accident."""

import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from loadtest.mesh.admin import AnswerError
from loadtest.processes import StartError

COULD_NOT = 3
INTERRUPTED = 130


def of(main: Callable[[], int], *expected: type[Exception]) -> NoReturn:
    """Run it, and end with its status; `expected`: what it may also raise because of the machine it is on."""
    could_not: tuple[type[Exception], ...] = (StartError, AnswerError, OSError, *expected)  # TimeoutError too
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        say("interrupted; every process was ended")
        raise SystemExit(INTERRUPTED) from None
    except could_not as error:
        say(f"it could not be run to its end: {error}")
        raise SystemExit(COULD_NOT) from None
    except Exception:  # noqa: BLE001 - a mistake of ours
        traceback.print_exc()
        raise SystemExit(COULD_NOT) from None


def say(line: str) -> None:
    """Progress, on stderr: stdout is the report's."""
    print(line, file=sys.stderr, flush=True)
