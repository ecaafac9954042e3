"""The API's operations about privacy and the system, in the blueprint of `routes` and `floor_routes`."""

from datetime import UTC, timedelta

from flask import Response

from appliance import __version__
from appliance.audit import log
from appliance.storage.database import reading
from appliance.storage.keys import fingerprint, public_key_pem
from appliance.web import privacy as privacy_page
from appliance.web.api import site_shapes as shapes
from appliance.web.api.describing import Operation, answer, describes
from appliance.web.api.floor_routes import blueprint
from appliance.web.context import this_context
from appliance.web.examination import Network
from appliance.web.roles import Permission, allows
from appliance.web.settings_shown import describe_settings
from appliance.web.system import newest_lines

__all__ = ["blueprint"]


@blueprint.get("/privacy")
@allows(Permission.PRIVACY)
@describes(Operation(shapes.Privacy))
def privacy() -> Response:
    """What is kept and how long, how counts are made anonymous, the public key, and how often somebody looked."""
    context = this_context()
    kept, anonymity = context.settings.retention, context.settings.anonymity
    since = context.clock() - timedelta(days=privacy_page.DAYS)
    with reading(context.engine) as connection:
        looks = len(log.entries(connection, start=since, actions=privacy_page.LOOKS))
        exports = len(log.entries(connection, start=since, actions=privacy_page.EXPORTS))
    return answer(
        shapes.Privacy(
            kept_months=shapes.KeptFor(kept.metrics_months, kept.report_months, kept.log_months),
            anonymity=shapes.AnonymityInForce(
                anonymity.mode,
                anonymity.epsilon,
                anonymity.k,
                context.settings.analysis.bucket_minutes,
                anonymity.reason if anonymity.mode == "off" else "",
            ),
            public_key=public_key_pem(context.site.public_key).decode("ascii"),
            fingerprint=fingerprint(context.site.public_key),
            days=privacy_page.DAYS,
            live_views=looks,
            taken_away=exports,
        )
    )


@blueprint.get("/system")
@allows(Permission.ADMINISTRATION)
@describes(Operation(shapes.SystemState))
def system() -> Response:
    """The version, what the doctor finds, networks with their speed, and the settings in force."""
    context = this_context()
    context.examination.look(context.examine, context.live, context.clock)
    found = context.examination.newest()
    networks = found.engine.devices.networks if found and found.engine else ()
    sections = describe_settings(context.settings, context.filed or context.settings)
    return answer(
        shapes.SystemState(
            version=__version__,
            examined=found.time if found else None,
            findings=[shapes.SystemFinding(each.check, each.state, each.text) for each in found.findings]
            if found
            else [],
            networks=[_network(each) for each in networks],
            settings=[
                shapes.SystemSetting(section, each.name, each.value, each.origin)
                for section, rows in sections.items()
                for each in rows
            ],
            warnings=[
                shapes.SystemWarning(each.time.astimezone(UTC), each.program, each.level, each.text)
                for each in newest_lines(context, found)
            ],
        )
    )


def _network(network: Network) -> shapes.SystemNetwork:
    speed = network.measured[0].pictures_per_second if network.measured else None
    return shapes.SystemNetwork(network.task, network.name, network.device, network.runtime, network.precision, speed)
