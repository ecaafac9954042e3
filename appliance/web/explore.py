"""Explore: any measure at any place over any time, as a chart, a table, CSV and PDF. Works without scripts."""

import hashlib
from dataclasses import replace
from datetime import date, datetime

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from appliance.audit.log import Event, append
from appliance.errors import UsageError
from appliance.language import marked
from appliance.reports.daily import modes_of
from appliance.reports.exploration import SUBJECTS
from appliance.reports.number_sheet import as_csv, as_pdf
from appliance.storage.database import reading
from appliance.web.choice import AGAINST, UNITS, Choice, is_known, measures, options, presets, read_choice
from appliance.web.context import WebContext, this_context
from appliance.web.exploring import Shown, axis_unit, list_places, show, unit_word
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.wording import gettext, this_language, told
from appliance.web.words import BROWSER, attachment, moment

# What templates/numbers.typ says itself.
SHEET_TEXTS = {
    "all": marked("{period}, all together"),
    "other": marked("{period}, all together (dots in the chart)"),
    "time": marked("Time"),
    "other-time": marked("Other time"),
    "change": marked("Change"),
    "page": marked("Page {page} of {pages}"),
}

blueprint = Blueprint("explore", __name__, url_prefix="/explore")


@blueprint.get("")
@allows(Permission.NUMBERS)
def page() -> str:
    context = this_context()
    cameras, today = list_places(context), _today(context)
    try:
        choice, problem = read_choice(request.args, today, context.settings.site.zone), ""
    except UsageError as error:
        choice, problem = read_choice({}, today, context.settings.site.zone), told(error)
    moved = not is_known(choice.measure, choice.where, cameras)
    if moved:
        choice = replace(choice, where="")
    shown = None
    if not problem:
        try:
            shown = show(context, choice, cameras)
        except UsageError as error:
            problem = told(error)
    return render_template(
        "explore.html",
        choice=choice,
        shown=shown,
        problem=problem,
        today=today.isoformat(),
        measures=measures(choice.measure, cameras),
        units=UNITS,
        against=AGAINST,
        options=options(choice.measure, cameras),
        moved=moved,
        presets=list(presets(choice, today)),
        axis=axis_unit(SUBJECTS[choice.measure]),
        unit=unit_word(choice.unit),
    )


@blueprint.get("/numbers.<any(csv, pdf):form>")
@allows(Permission.NUMBERS)
def download(form: str) -> Response:
    """What the page shows of the same choice; written into the audit log before the first byte goes."""
    context, session = this_context(), this_session()
    now = context.clock()
    try:
        choice = read_choice(request.args, _today(context), context.settings.site.zone)
        shown = show(context, choice, list_places(context))
    except UsageError as error:
        session.say("warn", told(error))
        return redirect(url_for("explore.page"))
    content = _csv(context, choice, shown) if form == "csv" else _pdf(context, choice, shown, now, session.user)
    name = f"{choice.measure}-{choice.period.first.isoformat()}-to-{choice.period.last.isoformat()}.{form}"
    with context.engine.begin() as connection:
        digest = hashlib.sha256(content).hexdigest()
        append(connection, Event(session.user, "counts-downloaded", name, "metric", len(content), digest, BROWSER), now)
    return attachment(content, "text/csv; charset=utf-8" if form == "csv" else "application/pdf", name)


def _today(context: WebContext) -> date:
    return context.clock().astimezone(context.settings.site.zone).date()


def _modes(context: WebContext, choice: Choice) -> list[tuple[str, float]]:
    with reading(context.engine) as connection:
        return sorted(modes_of(connection, choice.period))


def _csv(context: WebContext, choice: Choice, shown: Shown) -> bytes:
    periods = [(choice.period, shown.answer)]
    if choice.other and shown.other:
        periods.append((choice.other, shown.other))
    return as_csv(choice.measure, shown.where, periods, _modes(context, choice)).encode("utf-8")


def _pdf(context: WebContext, choice: Choice, shown: Shown, now: datetime, user: str) -> bytes:
    facts = {
        "site": context.settings.site.name,
        "title": shown.title,
        "where": shown.where or gettext("Everywhere"),
        "period": shown.period,
        "other_period": shown.other_period,
        "whole": shown.whole,
        "other_whole": shown.other_whole,
        "sentence": shown.sentence,
        "by": gettext("by the %(unit)s", unit=unit_word(choice.unit)),
        "axis": axis_unit(SUBJECTS[choice.measure]),
        "notes": list(shown.notes),
        "made": gettext(
            "%(site)s · made on %(moment)s, by %(user)s",
            site=context.settings.site.name,
            moment=moment(now, context.settings.site.zone),
            user=user,
        ),
        "language": this_language().code,
        "texts": {name: gettext(text) for name, text in SHEET_TEXTS.items()},
        "rows": [[row.label, row.value, row.other, row.change] for row in shown.rows],
        "plot": {
            "bars": [_part(told.value) for told in shown.drawn],
            "margins": [told.margin for told in shown.drawn],
            "others": [_part(told.value) for told in shown.drawn_others],
            "top": shown.plot.top,
            "rows": [[tick.at, tick.label] for tick in shown.plot.rows],
        },
    }
    return as_pdf(facts, now)


def _part(value: float | None) -> float | None:
    return None if value is None else max(0.0, value)
