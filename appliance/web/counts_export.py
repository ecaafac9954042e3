"""Counts to take away: a table of a period, as the mode of anonymity lets them be shown."""

import hashlib

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance.audit.log import Event, append
from appliance.reports.exporting import export_counts
from appliance.reports.period import PeriodError, make_period, parse_date
from appliance.storage.database import reading
from appliance.web.context import this_context
from appliance.web.roles import Permission, allows
from appliance.web.security import this_session
from appliance.web.wording import told
from appliance.web.words import BROWSER, attachment

blueprint = Blueprint("counts_export", __name__)


@blueprint.get("/counts.csv")
@allows(Permission.NUMBERS)
def download() -> Response:
    """The table; written into the audit log with its size and SHA-256 before the first byte goes."""
    context, session = this_context(), this_session()
    now, zone = context.clock(), context.settings.site.zone
    try:
        first, last = parse_date(request.args.get("from", "")), parse_date(request.args.get("to", ""))
        period = make_period(first, last, zone, now.astimezone(zone).date())
    except PeriodError as error:
        session.say("warn", told(error))
        return redirect(url_for("reports.show"))
    with reading(context.engine) as connection:
        content = export_counts(connection, period, now, context.settings.anonymity.k).encode("utf-8")
    name = f"counts-{period.first.isoformat()}-to-{period.last.isoformat()}.csv"
    with context.engine.begin() as connection:
        digest = hashlib.sha256(content).hexdigest()
        append(connection, Event(session.user, "counts-downloaded", name, "metric", len(content), digest, BROWSER), now)
    return attachment(content, "text/csv; charset=utf-8", name)
