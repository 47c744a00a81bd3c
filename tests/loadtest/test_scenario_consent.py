import dataclasses
from pathlib import Path

import orjson
import pytest

from loadtest.bench import progress
from loadtest.scenarios import consent
from loadtest.scenarios.consent import MEGABYTE, Answer
from loadtest.scenarios.stage import Stage
from sidecar import clock

BIG, SMALL = 240 * MEGABYTE, 40 * MEGABYTE
NO = {"accepted": False, "reason": "more is used", "minimum_memory": BIG}
UNKNOWN = Answer(consent.UNKNOWN, "150Mi", 409, {**NO, "minimum_memory": None}, BIG, BIG, 0.01)
OFF = Answer(consent.OFF, "150Mi", 409, NO, BIG, BIG, 0.01)
ON = Answer(consent.ON, "150Mi", 200, {"accepted": True, "freed_bytes": 199 * MEGABYTE}, BIG, SMALL, 0.3)
LITTLE = Answer(consent.ON, "20Mi", 409, {**NO, "minimum_memory": 57 * MEGABYTE}, SMALL, SMALL, 5.0)
ANSWERS = (UNKNOWN, OFF, ON, LITTLE)


def held(**changed: Answer) -> list[bool]:
    unknown, off, on, little = ANSWERS
    given = {"unknown": unknown, "off": off, "on": on, "too_little": little, **changed}
    return [each.held for each in consent.verdicts(**given)]


def test_what_consent_should_do_keeps_every_promise() -> None:
    assert all(held())


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        ({"on": dataclasses.replace(ON, status=409)}, [0]),
        ({"on": dataclasses.replace(ON, after_bytes=100 * MEGABYTE)}, [1, 2]),
        ({"on": dataclasses.replace(ON, reply={"accepted": True})}, [2]),
        ({"on": dataclasses.replace(ON, reply={"freed_bytes": 100 * MEGABYTE})}, [2]),
        ({"too_little": dataclasses.replace(LITTLE, status=200)}, [3]),
        ({"too_little": dataclasses.replace(LITTLE, reply={"minimum_memory": None})}, [4]),
        ({"too_little": dataclasses.replace(LITTLE, reply={"minimum_memory": 30 * MEGABYTE})}, [4]),
        ({"unknown": dataclasses.replace(UNKNOWN, status=200)}, [5]),
        ({"off": dataclasses.replace(OFF, status=200)}, [6]),
        ({"off": dataclasses.replace(OFF, after_bytes=SMALL)}, [7]),
    ],
)
def test_every_way_to_be_wrong_breaks_its_own_promise(changed: dict[str, Answer], broken: list[int]) -> None:
    assert [place for place, kept in enumerate(held(**changed)) if not kept] == broken


def test_the_report_shows_every_reply_and_facts_are_plain() -> None:
    result = consent.judged(ANSWERS)
    told = orjson.loads(orjson.dumps(dict(result.facts)))
    assert [each["status"] for each in told["answers"]] == [409, 409, 200, 409]
    assert told["answers"][2]["reply"]["freed_bytes"] == 199 * MEGABYTE
    assert result.held


@pytest.mark.slow
def test_a_real_process_gives_its_garbage_back_before_the_pod_consents(tmp_path: Path) -> None:
    stage = Stage(tmp_path, progress.Progress(1.0, lambda line: None, clock.now), quick=True)
    result = consent.run(stage)
    assert result.held, [each for each in result.verdicts if not each.held]
