"""Format the table of goals with its figures, as Markdown and for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks import figures
from schemasync.schema.text import count

from .measure import Figures
from .samples import Net, net
from .table import Goal

SMALL = "too small to measure"
HEADINGS = ("what", "against", "ours", "the other", "ours / the other", "at most", "holds")
HOLDS, MISSED = "yes", "no"
HOW = """
`python -m benchmarks goals --write --picture docs/images/speed.svg` measures all of it in about an hour. It needs PyPI,
as each peer gets an environment of its own, and 30 GB of disk (`--folder`, by default in `~/.cache`). It keeps what it
has measured, so that an interrupted run goes on where it stopped; `--again` measures anew. Django 6.1 needs Python 3.12
or later (`--python PATH`). File systems with shared blocks need root, xfsprogs and btrfs-progs. `--list` prints the
names of the goals; `--size`, `--pairs` and `--only` make it shorter: `python -m benchmarks goals --size 10 --pairs 1
--only max_length verification` takes half a minute.
"""


def values(figures: Figures) -> list[float] | None:
    """Return the ratio, or the difference, of each pair; None if there are no samples, or a ratio cannot be
    distinguished from an empty command."""
    if not figures.samples:
        return None
    taken = net(figures.samples)
    return taken.ratios() if figures.goal.is_ratio else taken.differences()


def verdict(goal: Goal, found: Sequence[float] | None) -> str:
    """Return `yes` or `no` for whether the median is within the goal, or that nothing was measured or is no goal."""
    if found is None:
        return "not measured"
    middle = median(found)
    if goal.at_most is None:
        return "no goal"
    return HOLDS if goal.holds(middle) else MISSED


def shown(goal: Goal, found: Sequence[float] | None, why_not: str = "") -> str:
    """Return the median, followed by the lowest and the highest value; without values `why_not`."""
    if found is None:
        return why_not
    form = ".3f" if goal.is_ratio and median(found) < 0.095 else ".2f" if goal.is_ratio else "+.1f"
    return figures.spread(found, form) + ("" if goal.is_ratio else " ms")


def _amount(goal: Goal, values: Sequence[float]) -> str:
    middle = median(values)
    if goal.name == "memory":
        return f"{middle / 1e6:,.1f} MB"
    if not goal.is_ratio:
        return f"{middle:.1f} ms"
    return f"{middle:.2f} s" if middle >= 0.1 else f"{1000 * middle:.1f} ms"


def _row(one: Figures) -> list[str]:
    found, goal = values(one), one.goal
    amounts = net(one.samples) if one.samples else Net([], [])
    both = [_amount(goal, each) if each else "" for each in (amounts.ours, amounts.theirs)]
    return [
        goal.what,
        goal.against,
        *both,
        shown(goal, found, one.why_not if not one.samples else SMALL),
        goal.phrase(),
        verdict(goal, found),
    ]


def table(all_figures: Sequence[Figures]) -> list[str]:
    """Return a table with a row for each goal, and how many goals hold."""
    rows = [_row(one) for one in all_figures]
    judged = [row[-1] for row in rows if row[-1] in (HOLDS, MISSED)]
    return [*figures.table(HEADINGS, rows), "", f"{judged.count(HOLDS)} of {len(judged)} goals hold."]


def report(all_figures: Sequence[Figures], megabytes: Sequence[int], peers: Sequence[str]) -> list[str]:
    """Return the section of RESULTS.md, without its head."""
    sizes = " and ".join(f"{size:,} MB" for size in megabytes)
    return [
        *HOW.strip().splitlines(),
        "",
        f"Files of {sizes}, each with three tables and five secondary indexes; the changed table has 900,000 rows in "
        f"300 MB. {pairs(all_figures)} in turn, each run on a fresh copy in a process of its own; what an empty "
        "command of the same interpreter takes is taken off on both sides. Medians (lowest to highest) of the ratios "
        "within a pair.",
        "",
        *(f"- {peer}" for peer in peers),
        "",
        *table(all_figures),
    ]


def pairs(all_figures: Sequence[Figures]) -> str:
    """Return how many pairs were measured: `5 pairs`, `1 to 5 pairs`."""
    counts = [len(one.samples) for one in all_figures if one.samples] or [0]
    return ("" if min(counts) == max(counts) else f"{min(counts)} to ") + count(max(counts), "pair")


def steps(spent: dict[str, dict[str, float]]) -> list[str]:
    """Return a Markdown table of the time of each step of one sync, by change."""
    names = list(dict.fromkeys(name for each in spent.values() for name in each))
    rows = [[name, *(f"{1000 * each.get(name, 0.0):,.0f}" for each in spent.values())] for name in names]
    return ["Where the milliseconds of one more sync went:", "", *figures.table(("step", *spent), rows)]
