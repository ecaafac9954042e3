"""The Debian package in a fresh root: installed, used, booted, upgraded, removed, purged. Run by `make test-deb`.

The tests build on one another in the order in which they stand.
"""

import datetime
import json
import sqlite3
from pathlib import Path

import pytest
from roots import CAMERA, PASSWORD, PICTURE, PYTHON, BootedRoot, Installed

# The first one also installs the package into a fresh root.
pytestmark = pytest.mark.timeout(900)
PROGRAMS = ("engine", "web", "courier")
# Started by their sockets, for one file or one question.
HELPERS = ("redactor", "searcher")
UNITS = tuple(f"veilsight-{program}.service" for program in PROGRAMS)
STATE = "/var/lib/veilsight"
# Owner, group and mode of what the package and its first start make.
MODES = {
    f"{STATE}": "root veilsight 2750",
    f"{STATE}/keys": "root root 700",
    f"{STATE}/keys/courier-vault.key.cred": "root root 600",
    f"{STATE}/keys/database-vault.key.cred": "root root 600",
    f"{STATE}/keys/signing-vault.key.cred": "root root 600",
    f"{STATE}/keys/vault.key.cred": "root root 600",
    f"{STATE}/database/vault.json": "root veilsight 640",
    f"{STATE}/database": "root veilsight 2770",
    f"{STATE}/database/veilsight.db": "root veilsight 660",
    f"{STATE}/tls": "veilsight-web veilsight-web 700",
    f"{STATE}/tls/server.key": "veilsight-web veilsight-web 600",
    f"{STATE}/tls/authority.key": "veilsight-web veilsight-web 600",
    f"{STATE}/backups": "veilsight-web veilsight-web 700",
    f"{STATE}/compiled": "veilsight-engine veilsight 2750",
    f"{STATE}/reports": "veilsight-web veilsight 2750",
    f"{STATE}/outbox": "veilsight-web veilsight 2770",
    "/run/veilsight": "veilsight-engine veilsight 2750",
    "/etc/veilsight/settings.toml": "root root 644",
    "/opt/veilsight/models/centerface.onnx": "root root 644",
}


def journal(system: BootedRoot) -> str:
    return system.run("journalctl", "--no-pager", "--lines=60", "--unit=veilsight*").stdout


def test_installing_prints_the_address_and_the_first_password_once(installed: Installed) -> None:
    assert "https://localhost:8443/" in installed.output
    assert installed.password
    again = installed.root.run("veilsight", "setup")
    assert not PASSWORD.search(again.stdout)


def test_files_have_the_owners_and_modes_that_keep_the_programs_apart(installed: Installed) -> None:
    found = installed.root.run("stat", "--format=%n %U %G %a", *MODES).stdout.splitlines()
    assert dict(line.split(" ", 1) for line in found) == MODES


def test_nothing_in_the_package_can_be_changed_by_a_program(installed: Installed) -> None:
    places = ("/opt/veilsight", "/usr/bin/veilsight", "/etc/veilsight", "/lib/systemd/system")
    found = installed.root.run(
        "find", *places, "!", "-type", "l", "(", "!", "-user", "root", "-o", "-perm", "/022", ")"
    )
    assert found.stdout == ""


def test_each_program_has_a_user_that_cannot_log_in_and_shares_one_group(installed: Installed) -> None:
    for program in PROGRAMS:
        user = installed.root.run("getent", "passwd", f"veilsight-{program}").stdout.strip()
        assert user.endswith("/nologin")
        groups = installed.root.run("id", "--name", "--groups", f"veilsight-{program}").stdout.split()
        extra = {"render", "video"} if program == "engine" else set()
        assert set(groups) == {f"veilsight-{program}", "veilsight"} | extra
    for helper in HELPERS:
        assert installed.root.run("id", "--name", "--groups", f"veilsight-{helper}").stdout == f"veilsight-{helper}\n"


def test_doctor_finds_nothing_wrong(installed: Installed) -> None:
    findings = json.loads(installed.root.run("veilsight", "doctor", "--json").stdout)
    assert [each for each in findings if each["state"] == "wrong"] == []
    assert {"networks", "devices", "database", "audit log"} <= {each["check"] for each in findings}


def test_the_networks_are_what_the_catalogue_says(installed: Installed) -> None:
    lines = installed.root.run("veilsight", "models", "verify").stdout.splitlines()
    assert len(lines) == 3
    assert all(line.endswith("is what the catalogue says") for line in lines)


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_detect_finds_people_for_any_user(installed: Installed, user: str) -> None:
    done = installed.root.run(
        "runuser", "-u", user, "--", "env", "HOME=/tmp/home", "veilsight", "detect", "--json", PICTURE
    )
    found = json.loads(done.stdout)
    assert (found["image"], found["width"], found["height"]) == (PICTURE, 768, 576)
    assert sum(each["label"] == "person" for each in found["detections"]) >= 3


def test_redact_writes_a_covered_picture(installed: Installed) -> None:
    installed.root.run("veilsight", "redact", PICTURE, "/srv/redacted.png")
    assert (installed.root.path / "srv/redacted.png").stat().st_size > 0


def test_the_database_is_encrypted(installed: Installed) -> None:
    database = installed.root.path / STATE.lstrip("/") / "database/veilsight.db"
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True).execute("SELECT * FROM sqlite_master")


def test_the_units_are_well_formed(installed: Installed) -> None:
    done = installed.root.run("systemd-analyze", "verify", "--man=no", *UNITS, "veilsight.target", check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("program", [*PROGRAMS, *HELPERS])
def test_the_units_are_well_confined(installed: Installed, program: str) -> None:
    # The exposure that systemd computes, from 0 (confined) to 10; the threshold is ten times it. The engine needs
    # cameras and accelerators.
    threshold = 25 if program == "engine" else 15
    unit = f"veilsight-{program}.service"
    command = ("systemd-analyze", "security", "--offline=yes", f"--threshold={threshold}", unit)
    done = installed.root.run(*command, check=False)
    assert done.returncode == 0, done.stdout


def test_the_manual_page_and_the_guide_are_there(installed: Installed) -> None:
    for path in (
        "usr/share/man/man8/veilsight.8.gz",
        "usr/share/bash-completion/completions/veilsight",
        "usr/share/zsh/vendor-completions/_veilsight",
        "usr/share/doc/veilsight/operators-guide.md.gz",
    ):
        assert (installed.root.path / path).stat().st_size > 1000


def test_the_programs_start_at_boot(running: BootedRoot) -> None:
    for unit in UNITS:
        assert running.property(unit, "ActiveState") == "active", journal(running)
        process = running.property(unit, "MainPID")
        assert running.run("stat", "--format=%U", f"/proc/{process}").stdout.strip() == unit.removesuffix(".service")


def test_a_visitor_logs_in_sees_a_picture_and_gets_a_report(installed: Installed, running: BootedRoot) -> None:
    script = running.add(Path(__file__).with_name("visit.py"), "/root/visit.py")
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    done = running.run(PYTHON, script, installed.password, CAMERA, day, check=False)
    assert done.returncode == 0, done.stderr + journal(running)
    seen = json.loads(done.stdout)
    assert seen.pop("picture_bytes") > 1000, journal(running)
    assert seen == {
        "after_login": "https://localhost:8443/",
        "shows_camera": True,
        "picture_is_jpeg": True,
        "report_is_pdf": True,
    }


def test_the_courier_delivers_the_report(running: BootedRoot) -> None:
    wait = "until ls /srv/reports/*.pdf /srv/reports/*.pdf.sig; do sleep 0.2; done"
    done = running.run("timeout", "60", "sh", "-c", wait, check=False)
    assert done.returncode == 0, journal(running)
    report = done.stdout.split()[0]
    assert "valid" in running.run("veilsight", "report", "verify", report).stdout


def test_a_file_from_the_page_is_redacted_by_a_program_of_its_own(running: BootedRoot) -> None:
    script = running.add(Path(__file__).with_name("hand_over.py"), "/root/hand_over.py")
    running.run("install", "-m", "644", script, "/usr/local/lib/hand_over.py")
    as_page = ("runuser", "-u", "veilsight-web", "--", "/opt/veilsight/venv/bin/python3", "/usr/local/lib/hand_over.py")
    done = running.run(*as_page, PICTURE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + redactor_journal(running)
    found = json.loads(done.stdout)
    assert (found["state"], found["covered_frames"]) == ("done", 0), found
    assert found["is_picture"]
    assert found["users"] == ["veilsight-redactor"]
    # It ends with the file, and nobody else may hand one over.
    wait = "until [ $(systemctl show --value --property=MainPID veilsight-redactor) = 0 ]; do sleep 0.1; done"
    running.run("timeout", "30", "sh", "-c", wait)
    others = ("runuser", "-u", "veilsight-courier", "--", *as_page[4:])
    assert running.run(*others, PICTURE, check=False).returncode != 0


def test_the_page_hands_a_picture_to_the_redactor_and_a_search_to_the_searcher(
    installed: Installed, running: BootedRoot
) -> None:
    """Through the page of the booted system, whose sockets start both: a camera on a network of its own answers."""
    running.in_its_network("ip", "link", "add", "cameras", "type", "veth", "peer", "name", "cable")
    running.in_its_network("ip", "address", "add", "192.168.77.1/24", "dev", "cameras")
    for end in ("cameras", "cable"):
        running.in_its_network("ip", "link", "set", end, "up")
    running.add(Path(__file__).with_name("answering_camera.py"), "/root/answering_camera.py")
    camera = (PYTHON, "/root/answering_camera.py", "192.168.77.1", "cameras")
    running.run("systemd-run", "--quiet", "--unit=answering-camera", "--property=Type=exec", *camera)
    running.run("timeout", "20", "sh", "-c", "until grep -q 0E76 /proc/net/udp; do sleep 0.1; done")
    script = running.add(Path(__file__).with_name("errands.py"), "/root/errands.py")
    done = running.run(PYTHON, script, installed.password, PICTURE, check=False)
    running.run("systemctl", "stop", "answering-camera")
    running.in_its_network("ip", "link", "delete", "cameras")
    assert done.returncode == 0, done.stderr + journal(running) + redactor_journal(running)
    found = json.loads(done.stdout)
    assert (found["is_picture"], found["is_other"], found["cameras"]) == (True, True, ["Front door"]), found
    assert "1 frames, of which 0" in found["summary"][0]
    listing = running.run("veilsight", "audit", "list", "--json", "--limit=20").stdout
    actions = {json.loads(line)["action"] for line in listing.splitlines()}
    assert {"recording-downloaded", "cameras-searched"} <= actions
    for helper in HELPERS:
        log = running.run("journalctl", "--no-pager", f"--unit=veilsight-{helper}.service").stdout
        assert "Started" in log
        assert "Failed" not in log


def test_changed_cameras_and_destinations_change_what_the_units_allow(running: BootedRoot) -> None:
    def wait(program: str, address: str, there: bool) -> None:
        allowed = f"systemctl show --property=IPAddressAllow veilsight-{program} | grep -q {address}"
        script = f"until {'' if there else '! '}{{ {allowed}; }}; do sleep 0.2; done"
        done = running.run("timeout", "60", "sh", "-c", script, check=False)
        assert done.returncode == 0, journal(running)

    running.run("veilsight", "camera", "add", "away", "rtsp://198.51.100.7/stream")
    wait("engine", "198.51.100.7", there=True)
    running.run("veilsight", "camera", "remove", "away")
    wait("engine", "198.51.100.7", there=False)
    # What changes while the last change is written down waits for the next start, or the next hour.
    idle = "until [ $(systemctl show --value --property=ActiveState veilsight-network) = inactive ]; do sleep 0.1; done"
    running.run("timeout", "60", "sh", "-c", idle)
    settings = running.path / "etc/veilsight/settings.toml"
    before = settings.read_text(encoding="utf-8")
    more = '\n[[destinations]]\nname = "away"\nurl = "https://198.51.100.9/in"\n'
    settings.write_text(before + more, encoding="utf-8")
    wait("courier", "198.51.100.9", there=True)
    running.run("timeout", "60", "sh", "-c", idle)
    settings.write_text(before, encoding="utf-8")
    wait("courier", "198.51.100.9", there=False)


def redactor_journal(system: BootedRoot) -> str:
    return system.run("journalctl", "--no-pager", "--unit=veilsight-redactor*").stdout


def test_the_journal_holds_nothing_of_people(installed: Installed, running: BootedRoot) -> None:
    text = running.run("journalctl", "--no-pager", "--output=cat", "--unit=veilsight*").stdout
    assert "Started" in text
    for secret in (installed.password, "admin", "127.0.0.1", "Mozilla", "Python-urllib"):
        assert secret not in text


def test_doctor_finds_the_programs_running(running: BootedRoot) -> None:
    findings = json.loads(running.run("veilsight", "doctor", "--json").stdout)
    states = {each["check"]: each["state"] for each in findings}
    assert states["engine"] == states["page"] == states[f"camera {CAMERA}"] == "fine", findings


def test_no_program_can_read_the_keys_or_another_programs_memory(running: BootedRoot) -> None:
    for unit in UNITS:
        process = running.property(unit, "MainPID")
        inside = (
            "nsenter",
            f"--target={process}",
            "--mount",
            "--",
            "runuser",
            "-u",
            unit.removesuffix(".service"),
            "--",
        )
        assert running.run(*inside, "cat", f"{STATE}/keys/database-vault.key.cred", check=False).returncode != 0
        status = running.run("cat", f"/proc/{process}/status").stdout
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status
        assert "Max core file size        0 " in running.run("cat", f"/proc/{process}/limits").stdout


def test_an_upgrade_keeps_the_site(installed: Installed, running: BootedRoot) -> None:
    before = running.property("veilsight-web.service", "MainPID")
    done = running.run("dpkg", "--install", "/root/veilsight.deb")
    assert not PASSWORD.search(done.stdout)
    assert running.property("veilsight-web.service", "MainPID") != before
    # Once at boot and once now
    count = 'test "$(veilsight audit list --action=started --json --limit=0 | wc -l)" = "$1"'
    wait = ("timeout", "60", "sh", "-c", f"until {count}; do sleep 0.2; done", "sh", str(2 * len(PROGRAMS)))
    assert running.run(*wait, check=False).returncode == 0, journal(running)
    assert CAMERA in running.run("veilsight", "camera", "list").stdout
    assert "head-office" in (installed.root.path / "etc/veilsight/settings.toml").read_text(encoding="utf-8")


def test_stopping_is_orderly_and_the_log_holds(running: BootedRoot) -> None:
    running.run("systemctl", "stop", "veilsight.target", *UNITS)
    for unit in UNITS:
        assert running.property(unit, "Result") == "success", journal(running)
    listing = running.run("veilsight", "audit", "list", "--json", "--limit=0").stdout
    actions = [json.loads(line)["action"] for line in listing.splitlines()]
    assert actions.count("started") == actions.count("stopped") == 2 * len(PROGRAMS)
    assert {"login", "view-opened", "view-closed"} <= set(actions)
    assert {"report-built", "report-downloaded", "report-delivered"} <= set(actions)
    running.run("veilsight", "audit", "verify")


def test_removing_stops_the_programs_and_keeps_the_data(running: BootedRoot) -> None:
    running.run("systemctl", "start", "veilsight.target")
    running.run("dpkg", "--remove", "veilsight")
    for unit in UNITS:
        assert running.property(unit, "ActiveState") == "inactive"
    assert running.run("sh", "-c", "cat /proc/[0-9]*/cmdline | grep -c '[v]eilsight/venv'", check=False).stdout == "0\n"
    kept = ("database/veilsight.db", "database/vault.json", "keys/vault.key.cred")
    running.run("stat", *(f"{STATE}/{name}" for name in kept))
    assert running.run("ls", "/opt/veilsight", check=False).returncode != 0


def test_purging_deletes_everything_that_the_package_made(running: BootedRoot) -> None:
    own = "/etc/systemd/system/veilsight-web.service.d/90-own.conf"
    running.run("sh", "-c", f"echo '[Service]' >{own}")
    # It asks nothing: there is nobody to answer.
    running.run("dpkg", "--purge", "veilsight")
    # What somebody else put beside it is theirs, and so are delivered reports.
    running.run("rm", "-r", own, "/etc/systemd/system/veilsight-web.service.d")
    assert running.run("sh", "-c", "ls /srv/reports/*.pdf").stdout
    for place in (STATE, "/etc/veilsight", "/opt/veilsight", "/run/veilsight", "/usr/bin/veilsight"):
        assert running.run("ls", place, check=False).returncode != 0
    left = running.run("find", "/etc", "/var/lib/systemd", "-name", "*veilsight*")
    assert left.stdout == ""
