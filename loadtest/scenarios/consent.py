"""Asked to make do with less, the pod collects its garbage first, and refuses what would kill it.

A process with 200 MB of cyclic garbage; three sidecars before it, asked in turn as `curl` inside the pod would: one
knows no memory hook (the off arm), one does not know how much is used, one has both. What was freed is measured by
the kernel's count of resident pages, not by what anybody says.
"""

import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from loadtest import processes, procfs
from loadtest.bench import document
from loadtest.mesh import addresses
from loadtest.scenarios import house, verdict
from loadtest.scenarios.hoarder import MIB
from loadtest.scenarios.pod import Pod
from loadtest.scenarios.result import Result
from loadtest.scenarios.stage import START_S, Stage
from loadtest.scenarios.verdict import Verdict
from sidecar import clock

NAME = "consent"
TITLE = "Consent to less memory"
MEGABYTE = 1_000_000
GARBAGE_BYTES = 200 * MEGABYTE
FREED_BYTES = 150 * MEGABYTE
PROPOSED, TOO_LITTLE = "150Mi", "20Mi"
TOO_LITTLE_BYTES = 20 * MIB
TOLD_WITHIN = 0.1
"""Resident pages and what the reply says may differ by this share: they are counted at different instants."""
TIMEOUT_S = 30.0
ASKING_S = 6.0
HEAD = ("sidecar", "proposed", "status", "RSS before", "RSS after", "took", "reply")

UNKNOWN, OFF, ON = "knows no usage", "no memory hook", "usage and hook"


@dataclass(frozen=True, slots=True)
class Answer:
    """One negotiation: who was asked, what came back, the application's resident bytes before and after."""

    asked: str
    proposed: str
    status: int
    reply: Mapping[str, object]
    before_bytes: int
    after_bytes: int
    took_s: float

    @property
    def fell_bytes(self) -> int:
        """By how much resident memory fell."""
        return self.before_bytes - self.after_bytes

    def number(self, name: str) -> float:
        """A number of the reply; NaN when it has none of that name."""
        value = self.reply.get(name)
        return (
            float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
        )


def run(stage: Stage) -> Result:
    """Ask all three."""
    with stage.nets(1) as (net,), stage.children(NAME) as children:
        return judged(_ask_all(stage, children, net))


def _ask_all(stage: Stage, children: processes.Children, net: addresses.Net) -> list[Answer]:
    ip = f"{net.prefix}.10"
    app = house.start_app(children, ip, garbage_bytes=GARBAGE_BYTES)
    known = {"EQUILIBRIUM_APP": house.app_at(ip), "EQUILIBRIUM_USAGE_URL": house.usage_url(ip)}
    envs = {
        UNKNOWN: {"EQUILIBRIUM_APP": house.app_at(ip)},
        OFF: known,
        ON: {**known, "EQUILIBRIUM_MEMORY_HOOK": house.hook_url(ip)},
    }
    sidecars = {
        name: house.start_sidecar(children, f"{net.prefix}.{number}", env)
        for number, (name, env) in enumerate(envs.items(), 11)
    }
    house.await_app(ip, app)
    for sidecar in sidecars.values():
        house.await_sidecar(sidecar)
    stage.done(START_S, f"{NAME}: an application with {GARBAGE_BYTES / MEGABYTE:.0f} MB of garbage is up")
    asked = [(UNKNOWN, PROPOSED), (OFF, PROPOSED), (ON, PROPOSED), (ON, TOO_LITTLE)]
    answers = [_ask(name, sidecars[name], app, proposed) for name, proposed in asked]
    stage.done(ASKING_S, f"{NAME}: {len(answers)} proposals were answered")
    return answers


def _ask(name: str, sidecar: Pod, app: processes.Child, proposed: str) -> Answer:
    before, started_s = procfs.rss_bytes(app.pid), clock.now()
    status, reply = negotiate(sidecar.admin, {"proposed_memory": proposed})
    return Answer(name, proposed, status, reply, before, procfs.rss_bytes(app.pid), clock.now() - started_s)


def negotiate(admin: str, proposal: Mapping[str, object]) -> tuple[int, dict[str, object]]:
    """`POST /negotiate`: status and JSON object. StartError when it is not answered with one."""
    connection = http.client.HTTPConnection(*processes.split(admin), timeout=TIMEOUT_S)
    try:
        connection.request("POST", "/negotiate", orjson.dumps(proposal), {"Connection": "close"})
        answer = connection.getresponse()
        text = answer.read()
        reply = orjson.loads(text)
    except (http.client.HTTPException, orjson.JSONDecodeError) as error:
        raise processes.StartError(f"POST http://{admin}/negotiate: {error!r}") from error
    finally:
        connection.close()
    if not isinstance(reply, dict):
        raise processes.StartError(f"POST http://{admin}/negotiate: {answer.status} {text[:200]!r}")
    return answer.status, reply


def judged(answers: Sequence[Answer]) -> Result:
    """The promises, and every answer as it came."""
    unknown, off, on, too_little = answers
    command = f"""`curl -d '{{"proposed_memory":"{PROPOSED}"}}' http://127.0.0.1:15490/negotiate`"""
    about = document.Text(
        f"{command}, inside the pod of a process with {GARBAGE_BYTES / MEGABYTE:.0f} MB of cyclic garbage. "
        "Without the hook the sidecar can only refuse; with it, it asks the application to collect and looks again."
    )
    rows = [_row(each) for each in answers]
    blocks: list[document.Block] = [about, document.Table(HEAD, rows)]
    return Result(NAME, TITLE, verdicts(unknown, off, on, too_little), blocks, {"answers": list(answers)})


def _row(each: Answer) -> list[str]:
    sizes = [f"{size / MEGABYTE:,.0f} MB" for size in (each.before_bytes, each.after_bytes)]
    reply = orjson.dumps(dict(each.reply)).decode()
    return [each.asked, each.proposed, str(each.status), *sizes, f"{each.took_s:.2f} s", reply]


def verdicts(unknown: Answer, off: Answer, on: Answer, too_little: Answer) -> list[Verdict]:
    """What consent is worth."""
    fell_mb, told_mb = on.fell_bytes / MEGABYTE, on.number("freed_bytes") / MEGABYTE
    return [
        _refused(f"{ON}: {PROPOSED} is accepted after the hook", on, 200),
        verdict.at_least("its resident memory falls, MB", fell_mb, FREED_BYTES / MEGABYTE),
        verdict.within("freed_bytes in the reply, MB", told_mb, fell_mb, TOLD_WITHIN),
        _refused(f"{TOO_LITTLE}, less than cannot be freed, is refused", too_little, 409),
        verdict.at_least(
            "and told a minimum_memory above what is used, MB",
            too_little.number("minimum_memory") / MEGABYTE,
            too_little.after_bytes / MEGABYTE,
        ),
        _refused(f"{UNKNOWN}: refused", unknown, 409),
        _refused(f"{OFF} (off): refused", off, 409),
        verdict.at_most("off: its resident memory falls, MB", off.fell_bytes / MEGABYTE, 10.0),
    ]


def _refused(claim: str, answer: Answer, status: int) -> Verdict:
    return Verdict(claim, str(status), str(answer.status), answer.status == status)
