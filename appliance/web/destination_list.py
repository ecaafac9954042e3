"""Destinations on the page of reports: where they lead, what was delivered, and a test of each.

The web program connects nowhere: it signs the test, and the courier sends it (services/trial_sending.py).
"""

from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, Response, jsonify, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from appliance.audit.log import Event, append
from appliance.destinations import Sendable
from appliance.language import marked
from appliance.reports import trial_file
from appliance.reports.delivery import describe_destinations
from appliance.storage import destination_trials
from appliance.storage.database import reading
from appliance.storage.destination_trials import Trial
from appliance.storage.keys import load_signing_key
from appliance.web.context import WebContext, this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.wording import gettext, ngettext, translated
from appliance.web.words import moment

blueprint = Blueprint("destination_list", __name__)

# A courier that runs has answered by then, whatever the destination does.
ANSWER_WITHIN = timedelta(minutes=2)
CLASS_WORDS = {Sendable.REPORT.value: marked("reports"), Sendable.METRIC.value: marked("alerts")}


@dataclass(frozen=True)
class DestinationRow:
    """One destination; `test` is what came of its newest test, with a tone as pills have, empty without one."""

    name: str
    to: str
    takes: str
    secret: str
    delivered: str
    problem: str
    test: str
    tone: str
    is_waiting: bool


def destination_rows(context: WebContext) -> list[DestinationRow]:
    with reading(context.engine) as connection:
        trials = destination_trials.newest(connection)
    return [
        _describe(context, each, trials.get(each["name"]))
        for each in describe_destinations(context.engine, context.settings)
    ]


def _describe(context: WebContext, found: dict[str, object], trial: Trial | None) -> DestinationRow:
    delivered, waiting, classes = found["delivered"], found["waiting"], found["classes"]
    assert isinstance(delivered, int) and isinstance(waiting, int) and isinstance(classes, list)  # noqa: S101, PT018
    told = ""
    if Sendable.REPORT.value in classes:
        told = ngettext("%(num)s report delivered", "%(num)s reports delivered", delivered)
        if waiting:
            told += ", " + gettext("%(number)s waiting", number=waiting)
    test, tone = _outcome(context, trial) if trial else ("", "")
    return DestinationRow(
        name=str(found["name"]),
        to=str(found["to"]),
        takes=", ".join(gettext(CLASS_WORDS[each]) for each in classes),
        secret=str(found["secret"]),
        delivered=told,
        problem=str(found["problem"]),
        test=test,
        tone=tone,
        is_waiting=trial is not None and _waits(context, trial),
    )


def _waits(context: WebContext, trial: Trial) -> bool:
    return trial.finished is None and context.clock() - trial.asked < ANSWER_WITHIN


def _outcome(context: WebContext, trial: Trial) -> tuple[str, str]:
    if _waits(context, trial):
        return gettext("The test is under way…"), ""
    if trial.finished is None:
        return gettext("The courier did not answer; `veilsight doctor` says whether it runs."), "bad"
    when = moment(trial.finished, context.settings.site.zone)
    if trial.problem:
        return gettext(
            "The test of %(moment)s failed: %(problem)s", moment=when, problem=translated(trial.problem)
        ), "bad"
    return gettext("The test of %(moment)s arrived.", moment=when), "good"


@blueprint.post("/reports/destinations/test")
@allows(Permission.BUILDING)
def test() -> BaseResponse:
    """Ask the courier for a test; the page tells what came of it."""
    context, name = this_context(), request.form.get("destination", "")
    place = next((each for each in context.settings.destinations if each.name == name), None)
    if place is None:
        raise NotFound
    # To the second, as it is stored and as the file that is signed says.
    now = context.clock().replace(microsecond=0)
    signed = trial_file.sign(
        place, context.settings.site.name, now, load_signing_key(context.paths), context.site.origin
    )
    with context.engine.begin() as connection:
        destination_trials.ask(connection, Trial(place.name, now, signed.decode()))
        append(connection, Event(this_session().user, "destination-tested", place.name, "configuration"), now)
    return redirect(url_for("reports.show", _anchor="destinations"))


@blueprint.get("/reports/destinations/progress")
@allows(Permission.REPORTS)
def progress() -> Response:
    """What is being done, null once every test has an outcome."""
    context = this_context()
    with reading(context.engine) as connection:
        busy = any(_waits(context, each) for each in destination_trials.newest(connection).values())
    return jsonify(step=gettext("The test is under way…") if busy else None)
