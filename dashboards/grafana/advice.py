"""What the coordinator tells sidecars: advice and the endpoint feed, who asks for them and how soon they hear."""

from typing import Final

from dashboards.grafana.panel import ADVISED, Dashboard, Panel, Query, Row, Variable, at_least_zero, one, rate

SERVICE: Final = Variable("service", "Service called", "equilibrium_advice_obeyed")
_ADVISED: Final = f"{{{ADVISED}}}"


def told(share: float) -> str:
    """A quantile over an hour, because changes are rare; 0 where there was none (the quantile of nothing is NaN)."""
    buckets = "sum by (le) (rate(equilibrium_feed_tell_seconds_bucket[1h]))"
    return f"(histogram_quantile({share:g}, {buckets}) >= 0) or vector(0)"


_GAMES: Final = (
    Panel(
        title="Services advised",
        why="Those whose game was solved. A service that is missing has one caller, one endpoint or too "
        "little traffic, or no equilibrium was found: /state of the coordinator says which.",
        queries=one("count(max by (service) (equilibrium_advice_players)) or vector(0)", "services"),
        least=0,
    ),
    Panel(
        title="Gap",
        why="The certificate, relative to mean cost: the most any sidecar could gain by disobeying, in "
        "the game as measured.",
        queries=one(f"max by (service) (equilibrium_advice_gap{_ADVISED})", "{{service}}"),
        unit="percentunit",
    ),
    Panel(
        title="Welfare ratio",
        why="Total cost of the advice over that of the best profile found. 1 is the optimum of the "
        "measured game; what it is worth in reality is the difference in latency with advice and "
        "without.",
        queries=one(f"max by (service) (equilibrium_advice_welfare_ratio{_ADVISED})", "{{service}}"),
        least=1,
    ),
    Panel(
        title="Players",
        why="Sidecars in a service's game, or groups of them above 64. Fewer than there are callers: some "
        "do not report.",
        queries=one(f"max by (service) (equilibrium_advice_players{_ADVISED})", "{{service}}"),
        least=0,
    ),
    Panel(
        title="Epochs by result",
        why="Per second. failed is a defect or a store that is away, skipped a solver that "
        "is slower than the epoch.",
        queries=one(
            at_least_zero(f"sum by (result) ({rate('equilibrium_advice_epochs_total')})", "result"),
            "{{result}}",
        ),
        unit="cps",
    ),
    Panel(
        title="Seconds to work out an epoch",
        why="Mean, of all services together. Near the length of an epoch, advice is old when it arrives, "
        "and epochs are skipped.",
        queries=one(
            f"sum({rate('equilibrium_advice_work_seconds_total')})"
            f" / (sum({rate('equilibrium_advice_epochs_total')}) > 0)",
            "seconds",
        ),
        unit="s",
        least=0,
    ),
    Panel(
        title="Sidecars that report",
        why="And questions held open for them. Both should be the number of sidecars with advice switched "
        "on.",
        queries=(
            Query("max(equilibrium_advice_sidecars)", "report"),
            Query("sum(equilibrium_advice_held)", "held open"),
        ),
        least=0,
    ),
    Panel(
        title="Answers by status",
        why="Per second. 200 is advice or nothing new, 410 a question from before a restart, 401 and 403 "
        "the wrong key or token, 503 a coordinator that does not lead.",
        queries=one(
            at_least_zero(f"sum by (status) ({rate('equilibrium_advice_answers_total')})", "status"),
            "{{status}}",
        ),
        unit="reqps",
    ),
    Panel(
        title="Shared state",
        why="With Redis: 1 while it answers, and its failures so far by reason; without, 1. When it is "
        "away each coordinator goes on with what it has.",
        queries=(
            Query("min(equilibrium_store_up) or vector(1)", "up"),
            Query(
                at_least_zero("sum by (reason) (equilibrium_store_failures_total)", "reason"),
                "failed: {{reason}}",
            ),
        ),
    ),
    Panel(
        title="Sidecars that obey",
        why="Share of (sidecar, service) pairs that have advice in force and obey it. Low: see "
        "Conditional regret beside it.",
        queries=one(f"avg by (service) (equilibrium_advice_obeyed{_ADVISED})", "{{service}}"),
        unit="percentunit",
        least=0,
        most=1,
    ),
    Panel(
        title="Conditional regret",
        why="What obeying has cost above the sidecar's own mix, relative to mean cost, as it measures it "
        "live; the median and the worst sidecar. Below 0: the advice is better. Above the tolerance "
        "(5 %) it is disobeyed.",
        queries=(
            Query(
                f"quantile by (service) (0.5, equilibrium_advice_conditional_regret{_ADVISED})",
                "median {{service}}",
            ),
            Query(f"max by (service) (equilibrium_advice_conditional_regret{_ADVISED})", "worst {{service}}"),
        ),
        unit="percentunit",
        bad=0.05,
    ),
    Panel(
        title="Seconds until advice expires",
        why="Of the sidecar that heard last longest ago. It should be a saw well above 0; 0 for all: the "
        "coordinator is away.",
        queries=one(f"min by (service) (equilibrium_advice_expires_in_seconds{_ADVISED})", "{{service}}"),
        unit="s",
        least=0,
    ),
)

_FEED: Final = (
    Panel(
        title="Subscribers",
        why="Questions for endpoints held open, of all coordinators: one for each sidecar that discovers "
        "through them.",
        queries=one("sum(equilibrium_feed_subscribers)", "subscribers"),
        least=0,
    ),
    Panel(
        title="Seconds until a change is told, p50 and p99",
        why="From a change seen at the API server to the answer of a question that was held for it.",
        queries=(
            Query(
                told(0.5),
                "p50",
            ),
            Query(
                told(0.99),
                "p99",
            ),
        ),
        unit="s",
        least=0,
    ),
    Panel(
        title="Answers by kind",
        why="full: the whole subscription (a start, or a version that is unknown), changes, nothing (time "
        "was up). Many full ones: sidecars or coordinators restart.",
        queries=one(
            at_least_zero(f"sum by (kind) ({rate('equilibrium_feed_answers_total')})", "kind"), "{{kind}}"
        ),
        unit="reqps",
    ),
    Panel(
        title="Bytes told",
        why="Per second, as sent. A full answer to everybody at once is a restart; a steady stream is "
        "endpoints that flap.",
        queries=one(f"sum({rate('equilibrium_feed_bytes_total')})", "bytes"),
        unit="Bps",
        least=0,
    ),
    Panel(
        title="Changes and services",
        why="Changes told so far by kind, and services that can be asked for.",
        queries=(
            Query(at_least_zero("sum by (kind) (equilibrium_feed_changes_total)", "kind"), "{{kind}}"),
            Query("max(equilibrium_feed_services)", "services"),
        ),
    ),
    Panel(
        title="Silence of the API server",
        why="Seconds since it last said anything, by what is watched. Bookmarks come every minute; much "
        "more is a watch that hangs: endpoints go stale.",
        queries=one(
            at_least_zero("max by (collection) (equilibrium_feed_silent_seconds)", "collection"),
            "{{collection}}",
        ),
        unit="s",
        least=0,
        bad=150,
    ),
    Panel(
        title="Questions refused, tokens asked about",
        why="By reason and result, so far. unauthorized: no token and no key, or the wrong one; failed "
        "reviews: the API server is away or forbids them.",
        queries=(
            Query(
                at_least_zero("sum by (reason) (equilibrium_feed_refusals_total)", "reason"),
                "refused: {{reason}}",
            ),
            Query(
                at_least_zero("sum by (result) (equilibrium_token_reviews_total)", "result"),
                "review: {{result}}",
            ),
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    name="advice",
    title="Equilibrium: advice and feed",
    why="What the coordinator tells sidecars, who asks for it, and how soon they hear.",
    variables=(SERVICE,),
    rows=(Row("Advice", _GAMES), Row("Feed of endpoints", _FEED)),
)
