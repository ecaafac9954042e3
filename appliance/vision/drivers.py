"""What the operating system says about Intel's NPU and GPU: hardware, kernel, firmware, libraries, rights.

OpenVINO tells which devices work, not what keeps another from working. Here that is found in the files of the running
system, read below a root directory. The NPU needs the kernel's module intel_vpu, firmware, the Level Zero loader, the
NPU's Level Zero driver and the compiler that comes with it; the GPU needs i915 or xe, OpenCL's loader and Intel's
OpenCL driver (OpenVINO does not use the GPU through Level Zero).

Sources: docs/overview.md of https://github.com/intel/linux-npu-driver; the kernel's drivers/accel/ivpu (device numbers,
firmware names); the file lists on https://packages.debian.org; systemd 254's udev rules (before, nobody but root may
open an NPU). Debian has no package of the NPU's driver and compiler; Debian 13 has none of the GPU's.
"""

import grp
import os
import pwd
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from appliance.settings import Analysis
from appliance.vision.backends.interface import DeviceKind
from appliance.vision.driver_errors import known_error

INTEL = "0x8086"
# PCI classes: processing accelerator, and display controllers of all kinds.
CLASSES: Mapping[DeviceKind, str] = MappingProxyType({"NPU": "0x1200", "GPU": "0x03"})
MODULES: Mapping[DeviceKind, tuple[str, ...]] = MappingProxyType({"NPU": ("intel_vpu",), "GPU": ("i915", "xe")})
# By PCI device number: the processor family, and the generation that its firmware is named after.
NPUS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "0x7d1d": ("Meteor Lake", "37xx"),
        "0xad1d": ("Arrow Lake", "37xx"),
        "0x643e": ("Lunar Lake", "40xx"),
        "0xb03e": ("Panther Lake", "50xx"),
        "0xfd3e": ("Wildcat Lake", "50xx"),
        "0xd71d": ("Nova Lake", "60xx"),
    }
)
LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib", "usr/lib64", "usr/local/lib", "lib/x86_64-linux-gnu", "lib")
FIRMWARE = ("lib/firmware/updates/intel/vpu", "lib/firmware/intel/vpu", "usr/lib/firmware/intel/vpu")
LOADER = "libze_loader.so.1"
NPU_DRIVER = "libze_intel_npu.so.1"
# The driver loads one of these, depending on its release.
NPU_COMPILERS = ("libopenvino_intel_npu_compiler_loader.so", "libnpu_driver_compiler.so")
# Loaders before this one look for the driver under its old name, libze_intel_vpu.so.1.
OLDEST_LOADER = (1, 17, 17)
NPU_PACKAGES = ("intel-level-zero-npu", "intel-driver-compiler-npu", "intel-fw-npu")
PACKAGES: Mapping[DeviceKind, tuple[str, ...]] = MappingProxyType(
    {
        "NPU": (*NPU_PACKAGES, "level-zero", "libze1", "firmware-intel-misc"),
        "GPU": ("intel-opencl-icd", "ocl-icd-libopencl1", "libze-intel-gpu1", "firmware-intel-graphics"),
    }
)
INTEL_NPU_RELEASES = "https://github.com/intel/linux-npu-driver/releases"
INTEL_GPU_RELEASES = "https://github.com/intel/compute-runtime/releases"
ENGINE_USER = "veilsight-engine"
MOST_KERNEL_LOG_BYTES = 4_000_000


@dataclass(frozen=True)
class DriverState:
    """A kind of device on this machine.

    `present` tells that the hardware is there, `ready` that nothing was found missing. `state` and `remedy` are a
    sentence each: how it is, and what to do (empty where there is nothing to do). `packages` are those of the driver
    that are installed, with their versions.
    """

    kind: DeviceKind
    present: bool
    ready: bool
    state: str
    remedy: str = ""
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Account:
    """The user whose rights count."""

    name: str
    user: int
    groups: frozenset[int]

    def may_open(self, path: Path) -> bool:
        """Whether it may read and write this file."""
        if self.user == os.geteuid() and os.access(path, os.R_OK | os.W_OK, effective_ids=True):
            return True
        if self.user == 0:
            return True
        status = path.stat()
        if self.user == status.st_uid:
            return status.st_mode & 0o600 == 0o600
        wanted = 0o060 if status.st_gid in self.groups else 0o006
        return status.st_mode & wanted == wanted


def this_account() -> Account:
    """The user of this process."""
    user = os.geteuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = str(user)
    return Account(name, user, frozenset((os.getegid(), *os.getgroups())))


def engine_account() -> Account:
    """The user that the engine runs as: where root asks, the service's own, if there is one."""
    if os.geteuid() == 0:
        try:
            entry = pwd.getpwnam(ENGINE_USER)
        except KeyError:
            return this_account()
        return Account(ENGINE_USER, entry.pw_uid, frozenset(os.getgrouplist(ENGINE_USER, entry.pw_gid)))
    return this_account()


def driver_states(
    root: Path = Path("/"), who: Account | None = None, listed: Collection[DeviceKind] | None = None
) -> tuple[DriverState, DriverState]:
    """NPU and GPU as the files below `root` show them, for one user (by default this process's).

    `listed` are the kinds of device that OpenVINO lists, where it was asked: what it lists lacks nothing but perhaps
    that user's rights, and it should list what lacks nothing.
    """
    who = who or this_account()
    return _state_of("NPU", root, who, listed), _state_of("GPU", root, who, listed)


def is_wanted(kind: DeviceKind, analysis: Analysis) -> bool:
    """Whether the settings let any network use a device of this kind."""
    orders = (analysis.devices, *analysis.network_devices.values())
    return any(name.split(".")[0] == kind for order in orders for name in order)


@dataclass(frozen=True)
class _Problem:
    state: str
    remedy: str


@dataclass(frozen=True)
class _Hardware:
    """A PCI device: its directory in /sys, device number, driver of the kernel and nodes in /dev."""

    number: str
    name: str
    driver: str
    nodes: tuple[Path, ...]


def _state_of(kind: DeviceKind, root: Path, who: Account, listed: Collection[DeviceKind] | None) -> DriverState:
    found = _find_hardware(kind, root)
    packages = tuple(f"{name} {version}" for name, version in _installed(root, PACKAGES[kind]).items())
    is_listed = listed is not None and kind in listed
    if found is None:
        state = f"OpenVINO finds an Intel {kind}." if is_listed else f"This machine has no Intel {kind}."
        return DriverState(kind, is_listed, is_listed, state, packages=packages)
    problem = None if is_listed else _kernel_problem(kind, found, root)
    problem = problem or _access_problem(found, root, who)
    if not problem and not is_listed:
        problem = _npu_library_problem(root) if kind == "NPU" else _gpu_library_problem(root)
    if not problem and kind == "NPU":
        problem = _release_problem(root)
    if not problem and listed is not None and not is_listed:
        problem = _Problem(
            f"The {found.name} has all that it needs, but OpenVINO does not find it.",
            f"Restart the machine; if that does not help, install a newer {PACKAGES[kind][0]}.",
        )
    if problem:
        return DriverState(kind, True, False, problem.state, problem.remedy, packages)
    nodes = " and ".join(f"/{node.relative_to(root)}" for node in found.nodes)
    return DriverState(kind, True, True, f"The {found.name} is ready{nodes and f' at {nodes}'}.", packages=packages)


def _find_hardware(kind: DeviceKind, root: Path) -> _Hardware | None:
    """The first Intel device of the kind, one that the kernel runs before one that it doesn't."""
    found = []
    for folder in sorted((root / "sys/bus/pci/devices").glob("*")):
        if _read(folder / "vendor") != INTEL or not _read(folder / "class").startswith(CLASSES[kind]):
            continue
        number = _read(folder / "device")
        family = NPUS.get(number, ("",))[0] if kind == "NPU" else ""
        name = f"Intel {kind}" + (f" ({family})" if family else f" (PCI {number.removeprefix('0x')})")
        nodes = [root / "dev/accel" / each.name for each in sorted(folder.glob("accel/accel*"))]
        nodes += [root / "dev/dri" / each.name for each in sorted(folder.glob("drm/renderD*"))]
        driver = folder / "driver"
        found.append(_Hardware(number, name, driver.readlink().name if driver.is_symlink() else "", tuple(nodes)))
    return max(found, key=lambda each: bool(each.nodes), default=None)


def _kernel_problem(kind: DeviceKind, found: _Hardware, root: Path) -> _Problem | None:
    """What keeps the kernel from running the device."""
    modules = MODULES[kind]
    if found.nodes:
        return None
    if found.driver and found.driver not in modules:
        state = f"The {found.name} is taken by the kernel's driver {found.driver}."
        return _Problem(state, f"Give it back to {' or '.join(modules)}; a virtual machine may have it.")
    if not any((root / "sys/module" / module).is_dir() for module in modules):
        return _missing_module(kind, found, root)
    if kind == "GPU":
        return _Problem(
            f"The kernel does not run the {found.name}.",
            "Install firmware-misc-nonfree (from Debian 13 on firmware-intel-graphics) or a newer kernel, and restart.",
        )
    generation = NPUS.get(found.number, ("", ""))[1]
    if not any(any((root / folder).glob(f"vpu_{generation}*")) for folder in FIRMWARE):
        return _Problem(
            f"The firmware of the {found.name} is missing.",
            f"Install intel-fw-npu from {INTEL_NPU_RELEASES} (or firmware-intel-misc from Debian's non-free-firmware, "
            "for Meteor, Arrow and Lunar Lake), and restart.",
        )
    reasons = [known_error("NPU", line) for line in _kernel_log(root, "intel_vpu")]
    return _Problem(
        f"The kernel does not run the {found.name}, though its module and a firmware are there.",
        next(
            (reason for reason in reversed(reasons) if reason),
            "Install a newer intel-fw-npu and restart; `journalctl --dmesg --grep intel_vpu` shows the reason.",
        ),
    )


def _missing_module(kind: DeviceKind, found: _Hardware, root: Path) -> _Problem:
    release = _read(root / "proc/sys/kernel/osrelease")
    for module in MODULES[kind]:
        if any((root / "lib/modules" / release).rglob(f"{module}.ko*")):
            return _Problem(
                f"The {found.name} is there, but the kernel's module {module} is not loaded.",
                f"Load it with `modprobe {module}`, and look into /etc/modprobe.d if it does not stay.",
            )
    return _Problem(
        f"The {found.name} is there, but this kernel ({release}) has no module for it.",
        "Start a newer kernel; Debian 12 offers linux-image-6.12-amd64, Debian 13's own is new enough.",
    )


def _access_problem(found: _Hardware, root: Path, who: Account) -> _Problem | None:
    """What keeps the user from opening the device."""
    for node in found.nodes:
        name = f"/{node.relative_to(root)}"
        if not node.exists():
            return _Problem(
                f"The kernel runs the {found.name}, but {name} is not there.",
                f"In a container, pass the device {name} in; elsewhere, restart udev.",
            )
        if who.may_open(node):
            continue
        status = node.stat()
        state = f"The user {who.name} may not open {name}."
        if status.st_gid != 0 and status.st_mode & 0o060 == 0o060:
            group = _group_name(status.st_gid)
            remedy = f"Run `usermod --append --groups {group} {who.name}`, and log in anew or restart the service."
            return _Problem(state, remedy)
        subsystem, kernel = ("accel", "accel*") if node.parent.name == "accel" else ("drm", "renderD*")
        rule = f'SUBSYSTEM=="{subsystem}", KERNEL=="{kernel}", GROUP="render", MODE="0660"'
        return _Problem(
            state,
            f"Write {rule} into /etc/udev/rules.d/60-{subsystem}.rules, add {who.name} to the group render, and "
            "restart.",
        )
    return None


def _npu_library_problem(root: Path) -> _Problem | None:
    """What is missing of the NPU's driver, or does not fit together."""
    loader, driver = _library(root, (LOADER,)), _library(root, (NPU_DRIVER,))
    missing = {
        f"level-zero (or Debian 13's libze1) for {LOADER}": loader is None,
        f"intel-level-zero-npu for {NPU_DRIVER}": driver is None,
        f"intel-driver-compiler-npu for {NPU_COMPILERS[0]}": _library(root, NPU_COMPILERS) is None,
    }
    names = [name for name, is_missing in missing.items() if is_missing]
    if names:
        return _Problem("The NPU's driver is not complete.", f"Install {_listed(names)}, from {INTEL_NPU_RELEASES}.")
    if loader is not None and (version := _version(loader.resolve().name)) and version < OLDEST_LOADER:
        return _Problem(
            f"The Level Zero loader {_dotted(version)} is too old for the NPU's driver.",
            f"Replace libze1 by level-zero {_dotted(OLDEST_LOADER)} or newer, named on {INTEL_NPU_RELEASES}.",
        )
    return None


def _release_problem(root: Path) -> _Problem | None:
    """Parts of the NPU's driver that do not belong together."""
    releases = {name: _version(version) for name, version in _installed(root, NPU_PACKAGES).items()}
    if len(set(releases.values())) > 1:
        return _Problem(
            "The parts of the NPU's driver are of different releases: "
            + _listed([f"{name} {_dotted(version)}" for name, version in releases.items()])
            + ".",
            f"Install all three of the same release, from {INTEL_NPU_RELEASES}, and restart.",
        )
    return None


def _gpu_library_problem(root: Path) -> _Problem | None:
    """What is missing of the GPU's OpenCL driver."""
    names = []
    if _library(root, ("libOpenCL.so.1",)) is None:
        names.append("ocl-icd-libopencl1")
    if not any("igdrcl" in _read(path) for path in (root / "etc/OpenCL/vendors").glob("*.icd")):
        names.append("intel-opencl-icd")
    if not names:
        return None
    return _Problem(
        "The GPU's OpenCL driver is not complete.",
        f"Install {_listed(names)}; Debian 12's intel-opencl-icd (22.43) is for GPUs of its time, Debian 13 has none, "
        f"newer ones are on {INTEL_GPU_RELEASES}.",
    )


def _library(root: Path, names: Sequence[str]) -> Path | None:
    paths = [root / folder / name for folder in LIBRARIES for name in names]
    return next((path for path in paths if path.exists()), None)


def _installed(root: Path, names: Sequence[str]) -> dict[str, str]:
    """The versions of those of the packages that dpkg has installed."""
    found = {}
    for entry in _read(root / "var/lib/dpkg/status").split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Version): (.*)$", entry, re.MULTILINE))
        if fields.get("Package") in names and fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields.get("Version", "")
    return {name: found[name] for name in names if name in found}


def _kernel_log(root: Path, wanted: str) -> list[str]:
    """The kernel's messages with this word since the start, as far as this user may read them."""
    content = b""
    try:
        descriptor = os.open(root / "dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        # A read of the real one gives one message, and fails once there are no more.
        while len(content) < MOST_KERNEL_LOG_BYTES and (part := os.read(descriptor, 8192)):
            content += part
    except OSError:
        pass
    finally:
        os.close(descriptor)
    return [line for line in content.decode(errors="replace").splitlines() if wanted in line]


def _read(path: Path) -> str:
    """The text of a file without space around it; empty where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _version(text: str) -> tuple[int, ...]:
    """The first three numbers that are joined by full stops, such as (1, 20, 6) for libze_loader.so.1.20.6."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(number) for number in found.groups()) if found else ()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)


def _group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
