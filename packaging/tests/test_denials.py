"""Each denial of the units, tried under the very unit: its file, with the network drop-in, and a probe as its program.

What the kernel of this machine lacks (AppArmor) is not tried here; the profiles are parsed in tests/test_packaging.py.
Nor is SocketBindDeny= where systemd was built without BPF, as Debian 12's; that no address can be reached is tried.
"""

import json
from pathlib import Path

import pytest
from roots import PYTHON, BootedRoot

# The first one also installs the package into a fresh root.
pytestmark = pytest.mark.timeout(900)
PROGRAMS = ("engine", "web", "courier", "redactor", "searcher")
# What takes the program's place, and what only the program itself can do.
REPLACED = ("ExecStart=", "Type=", "NotifyAccess=", "WatchdogSec=", "Restart=", "RestartSec=", "RuntimeMaxSec=")
LISTEN = """
import socket
servers = [socket.create_server((each, port)) for each, port in (("198.51.100.1", 4711), ("127.0.0.1", 4712))]
print("listening", flush=True)
while True:
    servers[0].accept()[0].close()
"""
# What a program needs, and so must be allowed; everything else that the probe tries must fail.
NEEDED = {
    "engine": {
        *("write state", "write run", "see sockets", "read database", "read compiled", "socket inet", "socket unix"),
        *("bind UDP", "writable code"),
    },
    "web": {
        *("write state", "see sockets", "read database", "read certificate's key", "read reports", "read outbox"),
        *("read backups", "socket inet", "socket unix", "bind page's port", "connect to this machine"),
    },
    "courier": {
        *("write state", "read database", "read reports", "read outbox", "write destinations"),
        *("socket inet", "socket unix"),
    },
    "redactor": {"read compiled", "writable code"},
    "searcher": {"socket inet", "socket netlink", "bind UDP"},
}
# What root can do in the same root without a unit, and without harm to it.
ATTEMPTED = (
    *("connect far", "send far", "connect to this machine", "bind TCP", "bind UDP", "listen"),
    *("socket netlink", "socket packet"),
    *("read keys", "read home", "read database", "see sockets", "see other processes", "write /usr", "write /etc"),
    *("user namespace", "mount namespace", "writable code", "set-user-id file", "core dump", "personality"),
)
# What a filter of system calls denies in any case, or that there are no sockets at all.
NEVER = {
    "engine": set(),
    "web": set(),
    "courier": {"listen"},
    "redactor": {"listen", "bind TCP", "bind UDP", "bind page's port"},
    "searcher": {"listen"},
}
# What only SocketBindDeny= denies.
BINDING = {"bind TCP", "bind UDP", "bind page's port", "listen"}
# The unit hides these by mounting something over them.
HIDDEN = ("read home", "read keys")


@pytest.fixture(scope="module")
def far(running: BootedRoot) -> BootedRoot:
    """The root with an address beyond every private one, where something listens, and a probe for each program."""
    running.in_its_network("ip", "address", "add", "198.51.100.1/32", "dev", "lo")
    (running.path / "root/listen.py").write_text(LISTEN, encoding="utf-8")
    running.run("systemd-run", "--unit=listener", "--collect", PYTHON, "/root/listen.py")
    listens = "import socket; socket.create_connection(('127.0.0.1', 4712))"
    wait = f'until {PYTHON} -c "{listens}" 2>/dev/null; do sleep 0.1; done'
    running.run("timeout", "20", "sh", "-c", wait)
    running.add(Path(__file__).with_name("probe.py"), "/usr/local/lib/probe.py")
    for program in PROGRAMS:
        make_probe(running, program)
    running.run("systemctl", "daemon-reload")
    return running


def make_probe(root: BootedRoot, program: str) -> None:
    """The program's unit by another name, with the probe as its program and its result in a file."""
    unit = (root.path / f"lib/systemd/system/veilsight-{program}.service").read_text(encoding="utf-8")
    kept = [line for line in unit.splitlines() if not line.startswith(REPLACED)]
    here = kept.index("[Service]") + 1
    result = f"/run/probe-{program}.json"
    kept[here:here] = [
        "Type=oneshot",
        f"ExecStart={PYTHON} /usr/local/lib/probe.py",
        f"StandardOutput=truncate:{result}",
    ]
    name = f"probe-{program}.service"
    text = "\n".join(line for line in kept if not line.startswith(("[Install]", "WantedBy=", "PartOf=")))
    root.run("sh", "-c", 'cat >"$1" <<END\n' + text.replace("$", "\\$") + "\nEND", "sh", f"/run/systemd/system/{name}")
    drop_in = f"/etc/systemd/system/veilsight-{program}.service.d"
    copied = 'mkdir "$2"; if [ -d "$1" ]; then cp "$1"/* "$2"/; fi'
    root.run("sh", "-c", copied, "sh", drop_in, f"/run/systemd/system/{name}.d")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_can_do_what_it_needs_and_nothing_else(far: BootedRoot, program: str) -> None:
    done = far.run("systemctl", "start", f"probe-{program}.service", check=False)
    journal = far.run("journalctl", "--no-pager", f"--unit=probe-{program}.service").stdout
    assert done.returncode == 0, journal
    found = json.loads(far.run("cat", f"/run/probe-{program}.json").stdout)
    allowed = {attempt for attempt, outcome in found.items() if outcome == "allowed"}
    unable = set() if "+BPF_FRAMEWORK" in far.run("systemctl", "--version").stdout else BINDING - NEVER[program]
    assert allowed - unable == NEEDED[program] - unable, found
    assert found["core dump"] == "EACCES", found
    # Where the machine lends the root no control of memory, and for a program that sees no control group since it has a
    # network of its own, only what the unit says can be looked at.
    lent = "memory" in far.run("cat", "/sys/fs/cgroup/cgroup.controllers").stdout.split()
    assert found["swap"] == ("EACCES" if lent and program != "redactor" else "ENOENT"), found
    assert far.property(f"probe-{program}.service", "MemorySwapMax") == "0"
    for attempt in HIDDEN:
        assert found[attempt] in ("EACCES", "EPERM", "ENOENT"), found


def test_what_is_denied_is_there_for_whoever_is_not_confined(far: BootedRoot) -> None:
    """So that a denial is no accident of the root that the tests run in."""
    for attempt in ATTEMPTED:
        found = json.loads(far.run(PYTHON, "/usr/local/lib/probe.py", attempt).stdout)
        assert found == {attempt: "allowed"}
