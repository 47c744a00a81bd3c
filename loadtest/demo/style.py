"""The fixed parts of the report: title, style sheet, legend, words explained."""

TITLE = "Equilibrium: one pod goes bad and nobody notices"

CSS = """
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; color: #1f2933; background: #fff;
  max-width: 1240px; margin: 2rem auto 4rem; padding: 0 1.5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; }
p { max-width: 62rem; }
.verdict { font-size: 1.15rem; font-weight: 600; padding: .6rem 1rem; border-left: 5px solid; max-width: none; }
.verdict.good { background: #ecf7f0; border-color: #1b7f4c; }
.verdict.bad { background: #fdf0ef; border-color: #c0352b; }
.note { background: #fff8e6; padding: .5rem 1rem; border-left: 5px solid #d9a406; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .8rem; text-align: right; white-space: nowrap; }
th { border-bottom: 2px solid #1f2933; font-size: .85rem; font-weight: 600; vertical-align: bottom; }
td { border-bottom: 1px solid #e4e7eb; }
td.words { text-align: left; white-space: normal; }
th:first-child, th:nth-child(2) { text-align: left; }
tr.group td { border-top: 1px solid #9aa5b1; }
tr.ours td { font-weight: 600; background: #f3f8fc; }
tr.ours td:first-child { background: none; }
td.mark { text-align: center; font-weight: 700; font-size: 1.1rem; }
tr.good td.mark { color: #1b7f4c; }
tr.bad td.mark, tr.bad td:nth-child(3) { color: #c0352b; font-weight: 700; }
tr.unknown td.mark { color: #b7791f; }
.how { font-size: .82rem; color: #616e7c; }
.legend { font-size: .88rem; color: #52606d; margin: 0 0 .4rem; max-width: none; }
.legend i { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 .9rem; vertical-align: -1px; }
.chart { width: 100%; }
details { margin-top: .4rem; } summary { cursor: pointer; color: #52606d; }
dt { font-weight: 600; margin-top: .6rem; } dd { margin: 0; max-width: 62rem; }
@media print { details { display: none; } }
"""

INTRODUCTION = """UrbanMoveMS, a transport application of five services, ran on one machine: a gateway and three
pods each of bus, trajet, user and ticket service. {rate:.0f} requests a second went to each of three routes, sent
when due whether or not earlier ones had come back, while riders logged in, searched, bought tickets and paid. Then
one pod after the other went bad, and was healed. Latency counts from the instant a request was due. The same was
played with: {arms}. “No sidecars” spreads connections, not requests, at random, as a plain Kubernetes Service does:
what a pod gets depends on which connections happen to be free. “Round robin” has the sidecars and their retries,
but not the routing."""

LEGEND = (
    '<p class="legend">Red: one pod of that service is bad. Lines, p99 solid and p50 dotted:'
    '<i style="background:#0072b2"></i>bus<i style="background:#d55e00"></i>trajet'
    '<i style="background:#009e73"></i>user. Areas and regrets, pods of one service:'
    '<i style="background:#0072b2"></i>0<i style="background:#e69f00"></i>1<i style="background:#009e73"></i>2</p>'
)

WORDS = """<h2>Words</h2><dl>
<dt>bad pod's share</dt><dd>The part of all answers that came from the pod with the fault, from 2 seconds after the
fault began to its end. A third is a fair share.</dd>
<dt>no sidecars</dt><dd>The gateway keeps connections open and reuses those that are free. A slow or hung pod keeps
its connections busy, so fewer requests reach it, but each that does waits; a hung one swallows what it gets at the
beginning, within the 2 seconds that are not counted. A pod that fails fast is always free, and gets its full part.</dd>
<dt>round robin</dt><dd>Every pod gets its turn. A failed request is tried again elsewhere while the retry budget lasts:
a pod that goes on failing uses it up.</dd>
<dt>p50, p99</dt><dd>Half of the requests were at least this fast; 99 of 100 were. A lost request counts with the five
seconds the client waited.</dd>
<dt>&gt; 2× healthy p99</dt><dd>Requests slower than twice the p99 the same arm had before any fault. One in a hundred
is slower than p99 itself.</dd>
<dt>routing probabilities</dt><dd>The mix the gateway's sidecar draws from. The final choice also looks at what each pod
is busy with at that instant, so who answered may differ from it.</dd>
<dt>regret</dt><dd>How much better it would have been to have sent everything to that pod. A pod without regret is not
chosen; regrets in balance are the equilibrium.</dd>
<dt>Nash gap</dt><dd>What the average request pays above the cheapest pod in use, relative to it. At most 15 %: no
request would gain much by another choice, Nash = 1.</dd>
<dt>V</dt><dd>Half the sum of squared regrets: the distance to the goal in the proof that regret matching gets
there.</dd>
</dl>"""
