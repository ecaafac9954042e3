"""What `veilsight doctor` examines. Each check is one function that returns what it found in one sentence."""

import socket
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from appliance.audit.verification import verify
from appliance.errors import VeilsightError
from appliance.reports.delivery import describe_destinations
from appliance.services import doctor_machine
from appliance.services.findings import Finding, State
from appliance.services.open_buckets import IN_MEMORY, file_system
from appliance.services.private_memory import plain_swaps
from appliance.settings import Analysis, Anonymity, Paths, Settings, load_settings
from appliance.storage import cameras
from appliance.storage.database import reading
from appliance.storage.protection import describe_protection
from appliance.storage.site import Site, open_site
from appliance.vision import weights
from appliance.vision.catalogue import load_catalogue
from appliance.vision.live import LiveClient, LiveUnavailable

if TYPE_CHECKING:
    from appliance.vision.device_report import DeviceReport
    from appliance.vision.drivers import DriverState


def examine(paths: Paths) -> list[Finding]:
    """All findings, in the order in which one would mend them."""
    return list(_examine(paths))


def _examine(paths: Paths) -> Iterator[Finding]:
    settings = Settings()
    try:
        settings = load_settings(paths.settings_file)
        yield Finding("settings", "fine", _describe_settings(paths))
    except VeilsightError as error:
        yield Finding("settings", "wrong", str(error))
    yield describe_anonymity(settings.anonymity)
    yield describe_memory(paths)
    yield check_networks(paths, settings)
    yield from _examine_devices(paths, settings)
    yield from doctor_machine.examine_machine(paths)
    try:
        site = open_site(paths)
    except VeilsightError as error:
        yield Finding("database", "wrong", str(error))
        return
    yield Finding("database", "fine", f"{paths.database} opens with the site's key and has the right schema")
    yield from examine_keys(paths)
    yield from doctor_machine.check_sealing(paths, doctor_machine.has_tpm())
    yield doctor_machine.check_certificate(paths, settings)
    yield _check("audit log", lambda: _check_audit_log(site))
    yield from examine_deliveries(site, settings)
    yield from check_engine(paths, site)
    yield _check_page(settings)
    yield from doctor_machine.check_helpers(paths)
    site.engine.dispose()


def _check(name: str, examine_one: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "fine", examine_one())
    except VeilsightError as error:
        return Finding(name, "wrong", str(error))


def _describe_settings(paths: Paths) -> str:
    return str(paths.settings_file) if paths.settings_file.exists() else "none written, so the defaults hold"


def describe_anonymity(settings: Anonymity) -> Finding:
    """The mode that is set; off is something to know."""
    if settings.mode == "off":
        return Finding("anonymity", "note", f"off, counts are stored exact; reason given: {settings.reason.strip()}")
    detail = f"epsilon {settings.epsilon:g}" if settings.mode == "differential" else f"k {settings.k}"
    return Finding("anonymity", "fine", f"{settings.mode}, {detail}")


def describe_memory(paths: Paths) -> Finding:
    """Whether the counts of the present quarter of an hour survive a crash of the engine."""
    folder = paths.memory
    while folder is not None and not folder.exists():
        folder = folder.parent if folder.parent != folder else None
    if folder is None or file_system(folder) not in IN_MEMORY:
        text = f"{paths.memory} is not in memory (tmpfs), so a crash of the engine loses the counts of an open bucket"
        return Finding("open buckets", "note", text)
    return Finding("open buckets", "fine", f"copied to {paths.memory}, in memory; a crash loses at most five seconds")


def check_networks(paths: Paths, settings: Settings) -> Finding:
    """Whether the networks' files are what the catalogue says."""
    return _check("networks", lambda: _describe_networks(paths, settings))


def _describe_networks(paths: Paths, settings: Settings) -> str:
    catalogue = load_catalogue().pack(settings.analysis.pack)
    failures = [error for error in weights.verify(catalogue, paths.models).values() if error]
    if failures:
        raise failures[0]
    return f"all weights in {paths.models} are what the catalogue says"


def _examine_devices(paths: Paths, settings: Settings) -> Iterator[Finding]:
    """Where the networks run, and what keeps an NPU or GPU of this machine from being used."""
    from appliance.vision.device_report import report_devices

    yield from describe_devices(report_devices(paths, settings.analysis), settings.analysis)


def describe_devices(report: "DeviceReport", analysis: Analysis) -> Iterator[Finding]:
    """The same from a report that is there."""
    if report.plan.failures:
        yield Finding("devices", "wrong", next(iter(report.plan.failures.values())))
    else:
        uses = [f"{each.name} on {each.place} in {each.precision}" for each in report.plan.networks]
        yield Finding("devices", "fine", "; ".join(uses))
    yield from (describe_driver(driver, analysis) for driver in report.drivers)


def describe_driver(driver: "DriverState", analysis: Analysis) -> Finding:
    """Wrong is a device that is there, that the settings want, and that can't be used."""
    # It comes with an image library, and the page uses this module too.
    from appliance.vision.drivers import is_wanted

    wrong = driver.present and not driver.ready and is_wanted(driver.kind, analysis)
    state: State = "fine" if driver.ready else "wrong" if wrong else "note"
    return Finding(driver.kind, state, f"{driver.state} {driver.remedy}".rstrip())


def examine_keys(paths: Paths) -> Iterator[Finding]:
    """What opens the site, and whether what is in memory could reach a disk."""
    protection = describe_protection(paths)
    yield Finding("keys", "note" if protection.is_weak else "fine", protection.text)
    if not protection.has_recovery_code:
        yield Finding("recovery code", "note", "none; `veilsight db recovery-code` prints one to be locked away")
    yield describe_swap()


def describe_swap() -> Finding:
    """Whether what is in memory could reach a disk."""
    swaps = plain_swaps()
    if swaps:
        text = f"this machine swaps to {', '.join(swaps)}, which is not known to be encrypted; the three services and "
        return Finding("swap", "note", text + "root's `veilsight run` don't, another user's may: encrypt it")
    return Finding("swap", "fine", "memory is not swapped to a plain disk; no program leaves a core dump")


def _check_audit_log(site: Site) -> str:
    with reading(site.engine) as connection:
        return str(verify(connection, site.public_key, site.origin))


def examine_deliveries(site: Site, settings: Settings) -> Iterator[Finding]:
    """Wrong is a report that a destination did not take; it is tried again by itself."""
    for each in describe_destinations(site.engine, settings):
        name = f"destination {each['name']}"
        if each["problem"]:
            text = f"{each['problem']} It is tried again; `veilsight destination test {each['name']}` tries it now."
            yield Finding(name, "wrong", text)
        else:
            yield Finding(name, "fine", f"{each['delivered']} reports delivered, {each['waiting']} waiting")


def check_engine(paths: Paths, site: Site, knock: bool = True) -> Iterator[Finding]:
    """The engine and its cameras; where it isn't running, whether something answers at each camera, if to `knock`."""
    try:
        status = LiveClient(paths.live_socket).status()
    except LiveUnavailable:
        with reading(site.engine) as connection:
            known = cameras.list_cameras(connection)
        yield Finding("engine", "note", f"not running; {len(known)} cameras are set up")
        if knock:
            yield from doctor_machine.check_cameras(known)
        return
    if status.get("starting"):
        yield Finding("engine", "note", "starting: its networks are made ready for this machine")
        return
    yield Finding("engine", "fine", f"running since {status['started']}")
    for task, reason in status["failures"].items():
        yield Finding(f"network for {task}", "wrong", reason)
    for network in status["networks"]:
        for left in network["left"]:
            yield Finding(
                f"network {network['name']}",
                "wrong",
                f"runs on {network['device']} since it left {left} Restart the engine to try the better device again.",
            )
    for camera in status["cameras"]:
        yield describe_camera(camera)
    for name, sentences in status["advice"].items():
        for sentence in sentences:
            yield Finding(f"camera {name}", "note", sentence)


def describe_camera(camera: Mapping[str, Any]) -> Finding:
    """One camera of the engine's status: its state, its rates and delays, and what went wrong last."""
    state = camera["state"]
    parts = [state + (f": {camera['last_error']}" if camera["last_error"] else "")]
    if state == "streaming":
        parts.append(f"{camera['analysed_rate']:g} of {camera['input_rate']:g} frames a second analysed")
        parts.append(f"{camera['dropped_frames']} dropped")
        for key, words in (("delay_to_count", "count"), ("delay_to_picture", "redacted picture")):
            if camera[key]:
                times = " / ".join(f"{1000 * camera[key][name]:.0f}" for name in ("p50", "p95", "p99"))
                parts.append(f"frame to {words} {times} ms (50 / 95 / 99 %)")
        if camera["decoder"]:
            why = f", since {camera['decoder_reason']}" if camera["decoder_reason"] else ""
            parts.append(f"{camera['codec']} decoded by {camera['decoder']}{why}")
    if camera["tampering"]:
        parts.append(f"{camera['tampering_words']}; counts of this time are marked as unreliable")
    if camera["reconnects"]:
        parts.append(f"{camera['reconnects']} reconnects")
    if camera["behind"]:
        parts.append(f"fewer than the {camera['target_rate']:g} asked for, since the device can't do more")
    well = state in ("streaming", "connecting", "disabled") and camera["tampering"] in ("", "dark")
    to_know = state == "disabled" or camera["behind"] or camera["tampering"]
    return Finding(f"camera {camera['name']}", "wrong" if not well else "note" if to_know else "fine", "; ".join(parts))


def _check_page(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.settimeout(1)
        answers = probe.connect_ex(("127.0.0.1", settings.web.port)) == 0
    where = f"port {settings.web.port}"
    return Finding("page", "fine" if answers else "note", f"answers on {where}" if answers else f"nothing on {where}")
