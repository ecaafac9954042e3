"""What `veilsight doctor` examines of the machine, and of what lies between it and the site: clock, disk, updates,
certificate, sealed keys, cameras."""

import shutil
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from appliance.errors import VeilsightError
from appliance.language import said, sentence
from appliance.services import machine
from appliance.services.findings import Finding
from appliance.settings import Paths, Settings
from appliance.storage import credentials
from appliance.storage.cameras import Camera
from appliance.storage.vault import read_vault
from appliance.web.certificate import RENEW_BEFORE, check_own

ANSWERS = sentence("something answers at its address")
CERTIFICATE, SEALING = sentence("certificate"), sentence("key sealing")
LEAST_FREE_BYTES = 1_000_000_000
# Whoever renews a certificate by hand should know this long before.
WARN_BEFORE = timedelta(days=30)


def check_space(paths: Paths) -> Finding:
    folder = paths.state if paths.state.exists() else paths.state.parent
    if not folder.exists():
        text = sentence("The state directory %(path)s is missing; run `veilsight setup`.", path=paths.state)
        return Finding(sentence("free space"), "wrong", text)
    free = shutil.disk_usage(folder).free
    text = sentence("%(size)s GB free at %(path)s", size=f"{free / 1e9:.1f}", path=folder)
    if free < LEAST_FREE_BYTES:
        least = f"{LEAST_FREE_BYTES / 1e9:g}"
        text = sentence("%(free)s; below %(least)s GB counting may stop: free some", free=text, least=least)
        return Finding(sentence("free space"), "wrong", text)
    return Finding(sentence("free space"), "fine", text)


def describe_clock(synchronised: bool | None) -> Finding:
    """Counts, schedules and the audit log go by the machine's clock."""
    if synchronised is None:
        return Finding(
            sentence("time"), "note", sentence("whether the clock is kept by a time server can't be told here")
        )
    if not synchronised:
        text = sentence(
            "nothing keeps the clock by a time server; install systemd-timesyncd, and where the internet is out of "
            "reach name the site's own server as NTP= in /etc/systemd/timesyncd.conf"
        )
        return Finding(sentence("time"), "note", text)
    return Finding(sentence("time"), "fine", sentence("the clock is kept by a time server"))


def describe_disk(encrypted: bool | None) -> Finding:
    if encrypted is None:
        text = sentence("whether the disk is encrypted can't be told for this file system")
        return Finding(sentence("disk"), "note", text)
    if not encrypted:
        text = sentence(
            "the disk is not encrypted; the database is, but not the settings nor the system's journal. Debian's "
            "installer encrypts a disk, and systemd-cryptenroll(1) lets the TPM open it after a power cut"
        )
        return Finding(sentence("disk"), "note", text)
    return Finding(sentence("disk"), "fine", sentence("the disk is encrypted (dm-crypt)"))


def describe_updates(source: str | None, itself: bool | None) -> Iterator[Finding]:
    """`source` is where apt would take another version from, `itself` whether Debian's security updates do."""
    if source is None:
        text = sentence("not installed as a Debian package; whoever installed it must bring updates")
        yield Finding(sentence("updates"), "note", text)
    elif source:
        text = sentence("a newer version would come from %(source)s", source=source)
        yield Finding(sentence("updates"), "fine", text)
    else:
        text = sentence(
            "no package source offers Veilsight; a newer version is installed by `apt install ./veilsight_*.deb`"
        )
        yield Finding(sentence("updates"), "note", text)
    if itself is not None and source is not None:
        text = sentence("Debian's security updates install themselves")
        if not itself:
            text = sentence(
                "Debian's security updates install themselves on other servers; here install the package "
                "unattended-upgrades"
            )
        yield Finding(sentence("security updates"), "fine" if itself else "note", text)


def check_certificate(paths: Paths, settings: Settings, now: datetime | None = None) -> Finding:
    """The page's: its own renews itself, one of the settings doesn't."""
    now = now or datetime.now(UTC)
    own = bool(settings.web.certificate or settings.web.key)
    chain = Path(settings.web.certificate) if own else paths.tls / "server.pem"
    try:
        if own:
            check_own(chain, Path(settings.web.key))
        end = x509.load_pem_x509_certificate(chain.read_bytes()).not_valid_after_utc
    except VeilsightError as error:
        return Finding(CERTIFICATE, "wrong", said(error))
    except (OSError, ValueError):
        text = sentence("%(path)s can't be read; run `veilsight setup`, which makes another.", path=chain)
        return Finding(CERTIFICATE, "wrong", text)
    facts = {"path": chain, "day": f"{end:%Y-%m-%d}"}
    if end < now and own:
        return Finding(CERTIFICATE, "wrong", sentence("%(path)s ended on %(day)s; put a new one there.", **facts))
    if end < now:
        text = sentence("%(path)s ended on %(day)s; restart the page, which makes another.", **facts)
        return Finding(CERTIFICATE, "wrong", text)
    if own:
        text = sentence("%(path)s is good until %(day)s; it is yours to renew", **facts)
        return Finding(CERTIFICATE, "note" if end - now < WARN_BEFORE else "fine", text)
    text = sentence(
        "%(path)s is good until %(day)s, and renewed by itself %(days)s days before", **facts, days=RENEW_BEFORE.days
    )
    return Finding(CERTIFICATE, "fine", text)


def has_tpm() -> bool:
    """Whether systemd could seal something to a TPM here: the chip, and the libraries that reach it."""
    try:
        done = subprocess.run(["systemd-creds", "has-tpm2"], capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def check_sealing(paths: Paths, tpm: bool) -> Iterator[Finding]:
    """With what the vault's credential is sealed; nothing where something else opens the site."""
    if not paths.vault.exists() or read_vault(paths.vault).protection != "credential":
        return
    try:
        sealed = credentials.sealed_with(paths.keys, "vault.key")
    except VeilsightError as error:
        yield Finding(SEALING, "wrong", said(error))
        return
    if sealed == "tpm":
        yield Finding(SEALING, "fine", sentence("the keys are sealed to this machine's TPM"))
    elif tpm:
        text = sentence(
            "the keys are not sealed to the TPM that is here; `veilsight db protect credential` seals them anew"
        )
        yield Finding(SEALING, "note", text)
    else:
        text = sentence(
            "the keys are sealed with a key of root's on this disk, since there is no TPM that systemd reaches: "
            "whoever takes the whole disk can open them. Encrypt the disk, or switch the TPM on in the firmware, "
            "install libtss2-esys-3.0.2-0 and run `veilsight db protect credential`"
        )
        yield Finding(SEALING, "note", text)


def check_cameras(cameras: Iterable[Camera]) -> Iterator[Finding]:
    """Whether something answers at each camera's address; for while the engine, which knows more, isn't running."""
    # It comes with an image library, and the page uses this module too.
    from appliance.vision.knocking import silence

    for camera in cameras:
        if not camera.enabled:
            yield Finding(sentence("camera %(name)s", name=camera.name), "note", sentence("disabled"))
            continue
        reason = silence(camera.source)
        text = sentence("not reached: %(reason)s", reason=reason) if reason else ANSWERS
        yield Finding(sentence("camera %(name)s", name=camera.name), "wrong" if reason else "fine", text)


def check_helpers(paths: Paths, sockets: Path = Path("/proc/net/unix")) -> Iterator[Finding]:
    """Whether something listens for files and searches of the page; it is not connected to."""
    try:
        lines = sockets.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    # The fourth field of a socket that listens has the bit of SO_ACCEPTCON (proc_net_unix(5)).
    listening = {line.split()[-1] for line in lines[1:] if int(line.split()[3], 16) & 0x10000}
    for name, path in (("redactor", paths.redaction_socket), ("searcher", paths.search_socket)):
        if str(path) in listening:
            yield Finding(name, "fine", sentence("is started by whoever asks at %(path)s", path=path))
        else:
            text = sentence(
                "nothing listens at %(path)s; `systemctl start veilsight-%(name)s.socket`, or `veilsight run`, does",
                path=path,
                name=name,
            )
            yield Finding(name, "note", text)


def examine_machine(paths: Paths) -> Iterator[Finding]:
    yield check_space(paths)
    yield describe_clock(machine.clock_is_synchronised())
    if paths.state.exists():
        yield describe_disk(machine.disk_is_encrypted(paths.state))
    yield from describe_updates(machine.update_source(), machine.updates_itself())
