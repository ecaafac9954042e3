"""What the pages say of reports that a destination did not take."""

from dataclasses import dataclass

from appliance.reports.delivery import failing_deliveries
from appliance.web.context import WebContext
from appliance.web.words import moment


@dataclass(frozen=True)
class Failure:
    """Of one destination: its oldest report that waits, and how many more do."""

    destination: str
    report: str
    more: int
    attempts: int
    problem: str
    next_try: str


def describe_failures(context: WebContext) -> list[Failure]:
    """One for each destination that did not take a report when it was last tried, sorted by name."""
    failing = failing_deliveries(context.engine, context.settings)
    found = []
    for name in sorted({each.destination for each in failing}):
        waiting = [each for each in failing if each.destination == name]
        first = waiting[0]
        next_try = moment(first.next_attempt, context.settings.site.zone) if first.next_attempt else ""
        found.append(Failure(name, first.report, len(waiting) - 1, first.attempts, first.problem, next_try))
    return found
