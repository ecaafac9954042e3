"""What `veilsight doctor` examines. Each check is one function that returns what it found in one sentence."""

import socket
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.audit.verification import verify
from appliance.errors import VeilsightError
from appliance.language import joined, said, sentence
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
from appliance.web.sentences import Parts

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
        yield Finding(sentence("settings"), "fine", _describe_settings(paths))
    except VeilsightError as error:
        yield Finding(sentence("settings"), "wrong", said(error))
    yield describe_anonymity(settings.anonymity)
    yield describe_memory(paths)
    yield check_networks(paths, settings)
    yield from _examine_devices(paths, settings)
    yield from doctor_machine.examine_machine(paths)
    try:
        site = open_site(paths)
    except VeilsightError as error:
        yield Finding(sentence("database"), "wrong", said(error))
        return
    text = sentence("%(path)s opens with the site's key and has the right schema", path=paths.database)
    yield Finding(sentence("database"), "fine", text)
    yield from examine_keys(paths)
    yield from doctor_machine.check_sealing(paths, doctor_machine.has_tpm())
    yield doctor_machine.check_certificate(paths, settings)
    yield _check(sentence("audit log"), lambda: _check_audit_log(site))
    yield from examine_deliveries(site, settings)
    yield from check_engine(paths, site)
    yield _check_page(settings)
    yield from doctor_machine.check_helpers(paths)
    site.engine.dispose()


def _check(name: str, examine_one: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "fine", examine_one())
    except VeilsightError as error:
        return Finding(name, "wrong", said(error))


def _describe_settings(paths: Paths) -> str:
    return str(paths.settings_file) if paths.settings_file.exists() else sentence("none written, so the defaults hold")


def describe_anonymity(settings: Anonymity) -> Finding:
    """The mode that is set; off is something to know."""
    if settings.mode == "off":
        text = sentence("off, counts are stored exact; reason given: %(reason)s", reason=settings.reason.strip())
        return Finding(sentence("anonymity"), "note", text)
    detail = f"epsilon {settings.epsilon:g}" if settings.mode == "differential" else f"k {settings.k}"
    return Finding(sentence("anonymity"), "fine", f"{settings.mode}, {detail}")


def describe_memory(paths: Paths) -> Finding:
    """Whether the counts of the present quarter of an hour survive a crash of the engine."""
    folder = paths.memory
    while folder is not None and not folder.exists():
        folder = folder.parent if folder.parent != folder else None
    if folder is None or file_system(folder) not in IN_MEMORY:
        text = sentence(
            "%(path)s is not in memory (tmpfs), so a crash of the engine loses the counts of an open bucket",
            path=paths.memory,
        )
        return Finding(sentence("open buckets"), "note", text)
    text = sentence("copied to %(path)s, in memory; a crash loses at most five seconds", path=paths.memory)
    return Finding(sentence("open buckets"), "fine", text)


def check_networks(paths: Paths, settings: Settings) -> Finding:
    """Whether the networks' files are what the catalogue says."""
    return _check(sentence("networks"), lambda: _describe_networks(paths, settings))


def _describe_networks(paths: Paths, settings: Settings) -> str:
    catalogue = load_catalogue().pack(settings.analysis.pack)
    failures = [error for error in weights.verify(catalogue, paths.models).values() if error]
    if failures:
        raise failures[0]
    return sentence("all weights in %(path)s are what the catalogue says", path=paths.models)


def _examine_devices(paths: Paths, settings: Settings) -> Iterator[Finding]:
    """Where the networks run, and what keeps an NPU or GPU of this machine from being used."""
    from appliance.vision.device_report import report_devices

    yield from describe_devices(report_devices(paths, settings.analysis), settings.analysis)


def describe_devices(report: "DeviceReport", analysis: Analysis) -> Iterator[Finding]:
    """The same from a report that is there."""
    if report.plan.failures:
        yield Finding(sentence("devices"), "wrong", next(iter(report.plan.failures.values())))
    else:
        uses = [
            sentence(
                "%(name)s on %(place)s in %(precision)s",
                name=each.name,
                place=str(each.place),
                precision=each.precision,
            )
            for each in report.plan.networks
        ]
        yield Finding(sentence("devices"), "fine", joined(uses))
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
    yield Finding(sentence("keys"), "note" if protection.is_weak else "fine", sentence(protection.text))
    if not protection.has_recovery_code:
        text = sentence("none; `veilsight db recovery-code` prints one to be locked away")
        yield Finding(sentence("recovery code"), "note", text)
    yield describe_swap()


def describe_swap() -> Finding:
    """Whether what is in memory could reach a disk."""
    swaps = plain_swaps()
    if swaps:
        text = sentence(
            "this machine swaps to %(places)s, which is not known to be encrypted; the three services and root's "
            "`veilsight run` don't, another user's may: encrypt it",
            places=", ".join(swaps),
        )
        return Finding(sentence("swap"), "note", text)
    text = sentence("memory is not swapped to a plain disk; no program leaves a core dump")
    return Finding(sentence("swap"), "fine", text)


def _check_audit_log(site: Site) -> str:
    with reading(site.engine) as connection:
        return str(verify(connection, site.public_key, site.origin))


def examine_deliveries(site: Site, settings: Settings) -> Iterator[Finding]:
    """Wrong is a report that a destination did not take; it is tried again by itself."""
    for each in describe_destinations(site.engine, settings):
        name = sentence("destination %(name)s", name=each["name"])
        if each["problem"]:
            text = sentence(
                "%(problem)s It is tried again; `veilsight destination test %(name)s` tries it now.",
                problem=each["problem"],
                name=each["name"],
            )
            yield Finding(name, "wrong", text)
        else:
            numbers = {"delivered": each["delivered"], "waiting": each["waiting"]}
            text = sentence("%(delivered)s reports delivered, %(waiting)s waiting", **numbers)
            yield Finding(name, "fine", text)


def check_engine(paths: Paths, site: Site, knock: bool = True) -> Iterator[Finding]:
    """The engine and its cameras; where it isn't running, whether something answers at each camera, if to `knock`."""
    try:
        status = LiveClient(paths.live_socket).status()
    except LiveUnavailable:
        with reading(site.engine) as connection:
            known = cameras.list_cameras(connection)
        text = sentence("not running; %(cameras)s cameras are set up", cameras=len(known))
        yield Finding(sentence("engine"), "note", text)
        if knock:
            yield from doctor_machine.check_cameras(known)
        return
    if status.get("starting"):
        yield Finding(sentence("engine"), "note", sentence("starting: its networks are made ready for this machine"))
        return
    yield Finding(sentence("engine"), "fine", sentence("running since %(moment)s", moment=status["started"]))
    known = msgspec.convert(status.get("sentences", {}), dict[str, Parts])

    def say(text: str) -> str:
        return known[text].sentence() if text in known else text

    for task, reason in status["failures"].items():
        yield Finding(sentence("network for %(task)s", task=task), "wrong", say(reason))
    for network in status["networks"]:
        for left in network["left"]:
            text = sentence(
                "runs on %(device)s since it left %(left)s Restart the engine to try the better device again.",
                device=network["device"],
                left=left,
            )
            yield Finding(sentence("network %(name)s", name=network["name"]), "wrong", text)
    for camera in status["cameras"]:
        yield describe_camera(camera | {"last_error": say(camera["last_error"])})
    for name, sentences in status["advice"].items():
        for advice in sentences:
            yield Finding(sentence("camera %(name)s", name=name), "note", say(advice))


STATES = {
    "streaming": sentence("streaming"),
    "connecting": sentence("connecting"),
    "stalled": sentence("stalled"),
    "failed": sentence("failed"),
    "ended": sentence("ended"),
    "disabled": sentence("disabled"),
}


def describe_camera(camera: Mapping[str, Any]) -> Finding:
    """One camera of the engine's status: its state, its rates and delays, and what went wrong last."""
    state, error = camera["state"], camera["last_error"]
    words: str = STATES.get(state, state)
    parts = [sentence("%(state)s: %(error)s", state=words, error=error) if error else words]
    if state == "streaming":
        parts += _streaming(camera)
    if camera["tampering"]:
        words = camera["tampering_words"]
        what = sentence(words)
        parts.append(sentence("%(what)s; counts of this time are marked as unreliable", what=what))
    if camera["reconnects"]:
        parts.append(sentence("%(reconnects)s reconnects", reconnects=camera["reconnects"]))
    if camera["behind"]:
        wanted = f"{camera['target_rate']:g}"
        parts.append(sentence("fewer than the %(rate)s asked for, since the device can't do more", rate=wanted))
    well = state in ("streaming", "connecting", "disabled") and camera["tampering"] in ("", "dark")
    to_know = state == "disabled" or camera["behind"] or camera["tampering"]
    name = sentence("camera %(name)s", name=camera["name"])
    return Finding(name, "wrong" if not well else "note" if to_know else "fine", joined(parts))


def _streaming(camera: Mapping[str, Any]) -> Iterator[str]:
    rates = {"analysed": f"{camera['analysed_rate']:g}", "input": f"{camera['input_rate']:g}"}
    yield sentence("%(analysed)s of %(input)s frames a second analysed", **rates)
    yield sentence("%(dropped)s dropped", dropped=camera["dropped_frames"])
    if camera["delay_to_count"]:
        yield sentence("frame to count %(times)s ms (50 / 95 / 99 %%)", times=_times(camera["delay_to_count"]))
    if camera["delay_to_picture"]:
        times = _times(camera["delay_to_picture"])
        yield sentence("frame to redacted picture %(times)s ms (50 / 95 / 99 %%)", times=times)
    decoded = {"codec": camera["codec"], "decoder": camera["decoder"]}
    if camera["decoder"] and camera["decoder_reason"]:
        reason = camera["decoder_reason"].replace("%", "%%")
        why = sentence(reason)
        yield sentence("%(codec)s decoded by %(decoder)s, since %(why)s", **decoded, why=why)
    elif camera["decoder"]:
        yield sentence("%(codec)s decoded by %(decoder)s", **decoded)


def _times(delay: Mapping[str, float]) -> str:
    return " / ".join(f"{1000 * delay[name]:.0f}" for name in ("p50", "p95", "p99"))


def _check_page(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.settimeout(1)
        answers = probe.connect_ex(("127.0.0.1", settings.web.port)) == 0
    port = str(settings.web.port)
    if answers:
        return Finding(sentence("page"), "fine", sentence("answers on port %(port)s", port=port))
    return Finding(sentence("page"), "note", sentence("nothing on port %(port)s", port=port))
