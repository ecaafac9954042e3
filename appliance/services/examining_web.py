"""The web program's share of what `veilsight doctor` finds (see `examining`); it loads no image library."""

from collections.abc import Iterator

from appliance.errors import VeilsightError
from appliance.language import said, sentence
from appliance.services import doctor, doctor_machine, machine
from appliance.services.findings import Finding
from appliance.settings import Paths, Settings, load_settings
from appliance.storage.site import Site


def examine_from_page(paths: Paths, site: Site, settings: Settings) -> Iterator[Finding]:
    """Settings, machine, keys, certificate, deliveries, engine and cameras; the audit log has a page of its own."""
    try:
        load_settings(paths.settings_file)
    except VeilsightError as error:
        # The program goes on with what it read at its start.
        yield Finding(sentence("settings"), "wrong", said(error))
    yield doctor.describe_anonymity(settings.anonymity)
    yield doctor_machine.check_space(paths)
    yield doctor_machine.describe_clock(machine.clock_is_synchronised())
    yield doctor_machine.describe_disk(machine.disk_is_encrypted(paths.state))
    # This program's unit hides swap space from it; the engine sees it.
    yield from (each for each in doctor.examine_keys(paths) if each.check != "swap")
    yield doctor_machine.check_certificate(paths, settings)
    yield from doctor.examine_deliveries(site, settings)
    yield from doctor.check_engine(paths, site, knock=False)
