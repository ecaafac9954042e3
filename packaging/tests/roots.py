"""A fresh Debian root to try the package in, as a plain chroot and with systemd booted in it.

Every command runs in mount and process namespaces of its own, so that its mounts and processes end with it, however it
ends. Debian's mirror is the one that this machine's apt is configured with.
"""

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
# The package is for the release that it is built on, and so are the roots.
RELEASE = platform.freedesktop_os_release()["VERSION_CODENAME"]
PYTHON = str(Path("/usr/bin/python3").resolve())
BASE = REPOSITORY / ".cache" / f"debian-{RELEASE}-root.tar"
BOOT_SECONDS = 90
PICTURE = "/srv/picture.png"
CLIP = "/srv/clip.avi"
CAMERA = "footpath"
PASSWORD = re.compile(r"password: ([a-z0-9-]{19})\b")
# How apt reaches the mirror: sources, keys, certificates, names.
APT_FILES = (
    "etc/apt/sources.list",
    "etc/apt/sources.list.d",
    "etc/apt/trusted.gpg.d",
    "etc/apt/keyrings",
    "usr/share/keyrings",
    "etc/ssl/certs",
    "usr/share/ca-certificates",
    "usr/local/share/ca-certificates",
    "etc/resolv.conf",
    "etc/hosts",
)
CLEAN = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
PROXIES = ("http_proxy", "https_proxy", "no_proxy")

# The namespaces end with this process, even if it is killed.
UNSHARE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child")

ENTER_CHROOT = """
root=$1; shift
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" "$@"
"""

BOOT = """
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
# The kernel's settings are the machine's, not the root's.
mount --bind -o ro "$root/proc/sys" "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
for node in null zero full random urandom tty; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
# systemd makes namespaces for its services, for which the root must be a mount's own.
cd "$root"
pivot_root . .
umount --lazy .
mount --make-rshared /
exec env -i container=veilsight-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
"""


@dataclass(frozen=True)
class Root:
    """A root directory, not booted: as a machine is while it is being installed."""

    path: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command as root, with the machine's network."""
        enter = [*UNSHARE, "--mount", "--pid", "sh", "-euc", ENTER_CHROOT, "sh"]
        return _run([*enter, str(self.path), *command], check)

    def add(self, source: Path, target: str) -> str:
        """Copy a file in; returns its path inside."""
        shutil.copy(source, self.path / target.lstrip("/"))
        return target


@dataclass(frozen=True)
class BootedRoot(Root):
    """The root with systemd as its first process and a network of its own that holds loopback only."""

    systemd: int

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        enter = ["nsenter", f"--target={self.systemd}", "--all", "--root", "--wd"]
        return _run([*enter, *command], check)

    def in_its_network(self, *command: str) -> None:
        """Run a command of the machine's in the root's network."""
        _run(["nsenter", f"--target={self.systemd}", "--net", *command], check=True)

    def property(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()


@dataclass(frozen=True)
class Installed:
    """The root with the package in it, and what the installation said."""

    root: Root
    output: str

    @property
    def password(self) -> str:
        found = PASSWORD.findall(self.output)
        assert len(found) == 1, self.output
        password: str = found[0]
        return password


def environment() -> dict[str, str]:
    """What every command gets of the environment: nothing of the caller's but the way to the mirror."""
    return CLEAN | {name: os.environ[name] for name in PROXIES if name in os.environ}


def _run(command: Sequence[str], check: bool) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False
    )
    if check and done.returncode:
        raise AssertionError(f"{command[-1]!r} … ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


@contextmanager
def fresh_root() -> Iterator[Root]:
    """A minimal Debian in a scratch directory, gone afterwards."""
    if not BASE.exists():
        _make_base()
    scratch = Path(tempfile.mkdtemp(prefix="veilsight-root-"))
    try:
        scratch.chmod(0o755)
        subprocess.run(["tar", "--extract", "--file", BASE, "--directory", scratch], check=True)
        _configure_apt(scratch)
        yield Root(scratch)
    finally:
        shutil.rmtree(scratch)


def _make_base() -> None:
    BASE.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="veilsight-base-") as scratch:
        command = ["debootstrap", "--variant=minbase", RELEASE, f"{scratch}/root", _mirror()]
        subprocess.run([*UNSHARE, "--mount", "--pid", *command], check=True, stdout=subprocess.DEVNULL)
        partial = BASE.with_suffix(".part")
        kept = ["--exclude=./dev/*", "--exclude=./var/cache/apt/archives/*.deb", "--directory", f"{scratch}/root", "."]
        subprocess.run(["tar", "--create", "--file", partial, *kept], check=True)
        partial.replace(BASE)


def _mirror() -> str:
    """The address from which this machine's apt takes the release."""
    listing = ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    lines = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.splitlines()
    for line in lines:
        release, component, address = line.split(maxsplit=2)
        if (release, component) == (RELEASE, "main"):
            return address
    raise AssertionError(f"apt is not configured with a source of Debian {RELEASE}, main")


def _configure_apt(root: Path) -> None:
    """Let the root's apt use the same mirror in the same way."""
    for name in APT_FILES:
        source = Path("/", name)
        target = root / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, ignore_dangling_symlinks=True)
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copy(source, target)
        elif name.endswith(".list"):
            target.unlink(missing_ok=True)
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    wanted = [line for line in dump.splitlines() if line.startswith("Acquire::")]
    (root / "etc/apt/apt.conf.d/00machine").write_text("\n".join(wanted) + "\n", encoding="utf-8")


@contextmanager
def booted(root: Root) -> Iterator[BootedRoot]:
    """Boot systemd in the root, in a control group of its own; everything in it is killed at the end."""
    group = _control_groups() / f"veilsight-test-{os.getpid()}-{root.path.name}"
    group.mkdir()
    enter = " ".join([*UNSHARE, "--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup"])
    join = f'echo $$ >"{group}/cgroup.procs"; exec {enter} sh -euc "$1" sh "$2"'
    outside = subprocess.Popen(
        ["sh", "-euc", join, "sh", BOOT, str(root.path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        system = BootedRoot(root.path, _child_of(outside))
        _wait_until_booted(system)
        yield system
    finally:
        outside.kill()
        outside.wait()
        _remove_group(group)


def _control_groups() -> Path:
    """Where the second version of control groups is mounted."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="ascii").splitlines():
        fields, _, source = line.partition(" - ")
        if source.startswith("cgroup2 "):
            return Path(fields.split()[4])
    raise AssertionError("this machine has no cgroup2, without which systemd can't be booted")


def _child_of(process: subprocess.Popen[bytes]) -> int:
    """The process number of systemd: the only child of `unshare`, once it has become systemd."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in range(BOOT_SECONDS * 10):
        if process.poll() is not None:
            break
        for child in children.read_text(encoding="ascii").split():
            if Path(f"/proc/{child}/comm").read_text(encoding="ascii").strip() == "systemd":
                return int(child)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise AssertionError("systemd did not come up in the root")


def _wait_until_booted(system: BootedRoot) -> None:
    # Also waits for the socket over which systemctl speaks.
    script = "until systemctl is-system-running --wait 2>/dev/null | grep -Eq 'running|degraded'; do sleep 0.2; done"
    system.run("timeout", str(BOOT_SECONDS), "sh", "-c", script)


def _remove_group(group: Path) -> None:
    with suppress(OSError):
        (group / "cgroup.kill").write_text("1", encoding="ascii")
    directories = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
    script = 'for group in "$@"; do until rmdir "$group" 2>/dev/null; do sleep 0.1; done; done'
    command = ["timeout", "30", "sh", "-c", script, "sh", *map(str, directories), str(group)]
    subprocess.run(command, check=True)
