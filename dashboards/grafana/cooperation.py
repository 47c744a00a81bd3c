"""Who cooperates: reputation, punishment, the auction for scarce slots, the defence against adversaries."""

from typing import Final

from dashboards.grafana.panel import (
    NAMESPACE,
    POD,
    SIDECAR,
    WORKLOAD,
    Dashboard,
    Panel,
    Query,
    Row,
    at_least_zero,
    one,
    rate,
)

_REFUSED: Final = f'equilibrium_drops_total{{{SIDECAR},cause=~"punished|defence"}}'

_RETRIES: Final = f'equilibrium_retries_total{{{SIDECAR},listener="outbound"}}'
_REQUESTS: Final = f'equilibrium_requests_total{{{SIDECAR},listener="outbound"}}'

_REPUTATION: Final = (
    Panel(
        title="Lowest reputation",
        why="1: cooperative. It is the target's view of a caller, the lowest of its pods.",
        queries=one(f"min(equilibrium_reputation_score{{{SIDECAR}}})"),
        kind="stat",
        width=6,
        height=4,
        warn=0.8,
        bad=0.5,
    ),
    Panel(
        title="Punished now",
        why="Pairs of caller and target. A flooder is punished for a while and then forgiven; who is "
        "punished again and again does not learn (alert EquilibriumCallerPunished).",
        queries=one(f"sum(max by (caller, target) (equilibrium_punishment_active{{{SIDECAR}}}))"),
        kind="stat",
        width=6,
        height=4,
        warn=1,
        bad=5,
    ),
    Panel(
        title="Auction price, highest",
        why="What the last spare slot cost in bids. 0: nobody had to pay, there is room.",
        queries=one(f"max(equilibrium_auction_price{{{SIDECAR}}})"),
        kind="stat",
        width=6,
        height=4,
    ),
    Panel(
        title="Retries per request",
        why="Above 0.2 a service behind is failing and callers make it worse (alert EquilibriumRetryStorm).",
        queries=one(f"sum({rate(_RETRIES)}) / (sum({rate(_REQUESTS)}) > 0)"),
        unit="percentunit",
        kind="stat",
        width=6,
        height=4,
        warn=0.1,
        bad=0.2,
    ),
    Panel(
        title="Reputation by caller and target",
        why="Falls while a caller takes more than its share under contention and earns it back after. "
        "Callers beyond 64 of a target are shown as other.",
        queries=one(
            f"min by (caller, target) (equilibrium_reputation_score{{{SIDECAR}}})", "{{caller}} at {{target}}"
        ),
        least=0,
        most=1,
        width=12,
    ),
    Panel(
        title="Punishment",
        why="Red while a caller is throttled to its level. Long red bars of one caller at all targets: it "
        "floods. Of all callers at one target: that one is short of capacity.",
        queries=one(
            f"max by (caller, target) (equilibrium_punishment_active{{{SIDECAR}}})",
            "{{caller}} at {{target}}",
        ),
        kind="state-timeline",
        unit="bool",
        bad=1,
        width=12,
    ),
    Panel(
        title="Offered and allowed",
        why="What a caller offers, and the level it would keep while punished: the floor nothing cuts. A "
        "punished caller that offers several times its level gets 429 for the rest.",
        queries=(
            Query(
                f"sum by (caller, target) (equilibrium_caller_offered{{{SIDECAR}}})",
                "{{caller}} offers {{target}}",
            ),
            Query(
                f"sum by (caller, target) (equilibrium_punishment_level{{{SIDECAR}}})",
                "level of {{caller}} at {{target}}",
            ),
        ),
        unit="reqps",
        least=0,
        width=12,
    ),
    Panel(
        title="Decisions at the door",
        why="Everything that is not admitted was refused for the reason named.",
        queries=one(
            f"sum by (decision) ({rate(f'equilibrium_admission_total{{{SIDECAR}}}')})", "{{decision}}"
        ),
        unit="reqps",
        stacked=True,
        width=12,
    ),
)

_BIDS: Final = (
    Panel(
        title="Auction price by target",
        why="Above 0 while more wants in than there are slots: then bids (X-GT-Bid, capped by budgets) "
        "decide who waits.",
        queries=one(f"max by (workload) (equilibrium_auction_price{{{SIDECAR}}})", "{{workload}}"),
        least=0,
    ),
    Panel(
        title="Bids for CPU",
        why="Budget times average demand, by pod: what the node's market divides by. 0: it wants nothing "
        "and has its floor.",
        queries=one(
            'max by (namespace, pod) (mbcas_effective_bid{namespace=~"$namespace",pod=~"$pod"})',
            "{{namespace}}/{{pod}}",
        ),
        least=0,
    ),
    Panel(
        title="Retry storms",
        why="Retries per request, by workload that retries. One of them high: what it calls fails. All: "
        "look at what they share.",
        queries=one(
            f"sum by (workload) ({rate(_RETRIES)}) / (sum by (workload) ({rate(_REQUESTS)}) > 0)",
            "{{workload}}",
        ),
        unit="percentunit",
        least=0,
        bad=0.2,
    ),
)

_DEFENCE: Final = (
    Panel(
        title="Defence",
        why="The mixed strategy of the door, mean over pods: admit is 1 until a prefix is under "
        "suspicion, then measures are drawn with these probabilities, so that an adversary cannot "
        "learn which one comes.",
        queries=one(
            f"avg by (workload, measure) (equilibrium_defense_probability{{{SIDECAR}}})",
            "{{workload}} {{measure}}",
        ),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Exploitability",
        why="What the best reply gains against that mix, as part of the payoff range: 0 is a minimax "
        "defence.",
        queries=one(f"max by (workload) (equilibrium_exploitability{{{SIDECAR}}})", "{{workload}}"),
        unit="percentunit",
        least=0,
    ),
    Panel(
        title="Suspicious prefixes",
        why="Posterior of what calls from a prefix that is under suspicion. none: nobody is.",
        queries=one(
            at_least_zero(
                f"max by (prefix, type) (equilibrium_caller_type_probability{{{SIDECAR}}})", "type"
            ),
            "{{prefix}} {{type}}",
        ),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Refused: punished or defence",
        why="Per second and target.",
        queries=one(
            f"sum by (workload, cause) ({rate(_REFUSED)})",
            "{{workload}} {{cause}}",
        ),
        unit="reqps",
        stacked=True,
    ),
    Panel(
        title="Signals not believed",
        why="X-GT-* values dropped: malformed, forged, or from somebody without proof of who it is. A "
        "steady rate from inside the mesh is a client that sets such headers itself.",
        queries=one(
            at_least_zero(
                f"sum by (signal) ({rate(f'equilibrium_ignored_signals_total{{{SIDECAR}}}')})", "signal"
            ),
            "{{signal}}",
        ),
        unit="reqps",
        stacked=True,
    ),
    Panel(
        title="Malformed requests refused",
        why="By the rule they broke. Scanners and broken clients; requests that would be read differently "
        "by two programs.",
        queries=one(
            at_least_zero(f"sum by (rule) ({rate(f'equilibrium_refusals_total{{{SIDECAR}}}')})", "rule"),
            "{{rule}}",
        ),
        unit="reqps",
        stacked=True,
    ),
)

DASHBOARD: Final = Dashboard(
    name="cooperation",
    title="Equilibrium: cooperation",
    why="Who takes more than its share, what happens to it, what scarce slots cost, and the defence "
    "against adversaries.",
    variables=(NAMESPACE, WORKLOAD, POD),
    rows=(
        Row("Reputation and punishment", _REPUTATION),
        Row("Bids and retries", _BIDS),
        Row("Defence", _DEFENCE),
    ),
)
