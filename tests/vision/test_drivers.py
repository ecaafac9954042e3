"""What is found out about NPU and GPU from the files of a system: each test builds one below a directory."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.vision.drivers import Account, DriverState, driver_states, engine_account, this_account

LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER, NPU_DRIVER = f"{LIBRARIES}/libze_loader.so.1", f"{LIBRARIES}/libze_intel_npu.so.1"
COMPILER = f"{LIBRARIES}/libopenvino_intel_npu_compiler_loader.so"
FIRMWARE = "lib/firmware/updates/intel/vpu/vpu_37xx_v1.bin"
STRANGER = Account("stranger", 54321, frozenset())


class System:
    """A directory that looks like the root of a running system."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, content: str = "") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return file

    def link(self, path: str, target: str) -> None:
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def add_pci_device(self, address: str, vendor: str, number: str, pci_class: str, driver: str = "") -> str:
        """As the kernel does it: the directory lies below /sys/devices, with a link to it in /sys/bus."""
        folder = f"sys/devices/pci0000:00/{address}"
        for name, value in (("vendor", vendor), ("device", number), ("class", pci_class)):
            self.write(f"{folder}/{name}", f"{value}\n")
        self.link(f"sys/bus/pci/devices/{address}", f"../../../devices/pci0000:00/{address}")
        if driver:
            self.link(f"{folder}/driver", f"../../../../bus/pci/drivers/{driver}")
            (self.root / "sys/module" / driver).mkdir(parents=True, exist_ok=True)
        return folder

    def add_npu(self, number: str = "0x7d1d", driver: str = "intel_vpu", node: str = "accel0") -> None:
        folder = self.add_pci_device("0000:00:0b.0", "0x8086", number, "0x120000", driver)
        if node:
            (self.root / folder / "accel" / node).mkdir(parents=True)
            self.write(f"dev/accel/{node}")

    def add_gpu(self, driver: str = "i915", node: str = "renderD128") -> None:
        folder = self.add_pci_device("0000:00:02.0", "0x8086", "0x7d55", "0x030000", driver)
        if node:
            (self.root / folder / "drm" / "card0").mkdir(parents=True)
            (self.root / folder / "drm" / node).mkdir(parents=True)
            self.write(f"dev/dri/{node}")

    def add_npu_libraries(self, loader: str = "1.20.6") -> None:
        self.write(f"{LIBRARIES}/libze_loader.so.{loader}")
        self.link(LOADER, f"libze_loader.so.{loader}")
        self.write(NPU_DRIVER)
        self.write(COMPILER)

    def add_gpu_libraries(self) -> None:
        self.write(f"{LIBRARIES}/libOpenCL.so.1")
        self.write("etc/OpenCL/vendors/intel.icd", "/usr/lib/x86_64-linux-gnu/intel-opencl/libigdrcl.so\n")

    def install(self, **packages: str) -> None:
        stanzas = [
            f"Package: {name.replace('_', '-')}\nStatus: install ok installed\nSection: misc\nVersion: {version}\n"
            for name, version in packages.items()
        ]
        self.write("var/lib/dpkg/status", "\n".join(stanzas))

    def npu(self, who: Account | None = None) -> DriverState:
        return driver_states(self.root, who)[0]

    def gpu(self, who: Account | None = None) -> DriverState:
        return driver_states(self.root, who)[1]


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


@pytest.fixture
def with_npu(system: System) -> System:
    """A system whose NPU has all that it needs."""
    system.add_npu()
    system.add_npu_libraries()
    system.write(FIRMWARE)
    return system


@pytest.fixture
def with_gpu(system: System) -> System:
    system.add_gpu()
    system.add_gpu_libraries()
    return system


def test_a_system_without_devices_needs_nothing(system: System) -> None:
    # A processor's root port, another maker's accelerator and a server's own plain graphics.
    system.add_pci_device("0000:00:01.0", "0x8086", "0x7ecc", "0x060400", "pcieport")
    system.add_pci_device("0000:01:00.0", "0x1022", "0x1502", "0x118000", "amdxdna")
    system.add_pci_device("0000:02:00.0", "0x1da3", "0x1020", "0x120000", "habanalabs")
    system.add_pci_device("0000:03:00.0", "0x1a03", "0x2000", "0x030000", "ast")
    for state in driver_states(system.root):
        assert (state.present, state.ready, state.remedy) == (False, False, "")
        assert state.state == f"This machine has no Intel {state.kind}."


def test_this_machine_is_described_in_sentences() -> None:
    for state in driver_states():
        assert state.state.endswith(".")
        assert state.remedy == "" or state.remedy.endswith(".")
        assert (state.remedy != "") == (state.present and not state.ready)


def test_a_complete_npu_is_ready(with_npu: System) -> None:
    state = with_npu.npu()
    assert (state.present, state.ready, state.remedy) == (True, True, "")
    assert "Meteor Lake" in state.state
    assert "/dev/accel/accel0" in state.state


def test_a_complete_gpu_is_ready(with_gpu: System) -> None:
    state = with_gpu.gpu()
    assert (state.present, state.ready, state.remedy) == (True, True, "")
    assert "/dev/dri/renderD128" in state.state


@pytest.mark.parametrize(
    ("missing", "package"),
    [
        (LOADER, "level-zero"),
        (NPU_DRIVER, "intel-level-zero-npu"),
        (COMPILER, "intel-driver-compiler-npu"),
    ],
)
def test_each_missing_part_of_the_npu_driver_names_its_package(with_npu: System, missing: str, package: str) -> None:
    (with_npu.root / missing).unlink()
    state = with_npu.npu()
    assert (state.present, state.ready) == (True, False)
    assert f"Install {package} " in state.remedy
    assert "github.com/intel/linux-npu-driver" in state.remedy


def test_all_missing_parts_are_named_at_once(system: System) -> None:
    system.add_npu()
    remedy = system.npu().remedy
    assert all(package in remedy for package in ("level-zero", "intel-level-zero-npu", "intel-driver-compiler-npu"))


def test_the_compiler_of_older_drivers_counts(with_npu: System) -> None:
    (with_npu.root / COMPILER).rename(with_npu.root / LIBRARIES / "libnpu_driver_compiler.so")
    assert with_npu.npu().ready


@pytest.mark.parametrize(
    ("loader", "ready"), [("1.8.12", False), ("1.17.16", False), ("1.17.17", True), ("1.24.1", True)]
)
def test_a_loader_that_does_not_know_the_driver_s_name_is_too_old(system: System, loader: str, ready: bool) -> None:
    """Debian 12 has 1.8.12."""
    system.add_npu()
    system.add_npu_libraries(loader)
    state = system.npu()
    assert state.ready == ready
    assert ready or (loader in state.state and "Replace libze1 by level-zero" in state.remedy)


def test_parts_of_different_releases_are_told_with_their_versions(with_npu: System) -> None:
    packages = {"intel_level_zero_npu": "1.38.0.20261001", "intel_driver_compiler_npu": "1.38.0.20261001"}
    with_npu.install(**packages, intel_fw_npu="1.38.0.20261001")
    assert with_npu.npu().ready
    with_npu.install(**packages, intel_fw_npu="1.13.0.20250131")
    state = with_npu.npu()
    assert not state.ready
    assert "intel-fw-npu 1.13.0" in state.state
    assert "same release" in state.remedy
    assert state.packages[-1] == "intel-fw-npu 1.13.0.20250131"


def test_a_removed_package_does_not_count(with_npu: System) -> None:
    text = "Package: intel-fw-npu\nStatus: deinstall ok config-files\nVersion: 1.0.0\n\n"
    with_npu.write("var/lib/dpkg/status", text + "Package: libze1\nStatus: install ok installed\nVersion: 1.20.6-1\n")
    assert with_npu.npu().packages == ("libze1 1.20.6-1",)


def test_a_kernel_without_the_module(system: System) -> None:
    system.add_npu(driver="", node="")
    system.write("proc/sys/kernel/osrelease", "6.1.0-44-amd64\n")
    state = system.npu()
    assert "6.1.0-44-amd64" in state.state
    assert "linux-image-6.12-amd64" in state.remedy


def test_a_module_that_is_not_loaded(system: System) -> None:
    system.add_npu(driver="", node="")
    system.write("proc/sys/kernel/osrelease", "6.12.1\n")
    system.write("lib/modules/6.12.1/kernel/drivers/accel/ivpu/intel_vpu.ko.xz")
    assert "modprobe intel_vpu" in system.npu().remedy


@pytest.mark.parametrize(
    ("number", "firmware", "missing"),
    [
        ("0x7d1d", "lib/firmware/intel/vpu/vpu_37xx_v1.bin.zst", False),
        ("0x643e", "lib/firmware/intel/vpu/vpu_37xx_v1.bin", True),
        ("0xb03e", FIRMWARE, True),
        ("0xb03e", "usr/lib/firmware/intel/vpu/vpu_50xx_v1.bin", False),
        ("0xffff", FIRMWARE, False),
    ],
)
def test_firmware_of_another_generation_does_not_count(
    system: System, number: str, firmware: str, missing: bool
) -> None:
    system.add_npu(number, node="")
    system.write(firmware)
    state = system.npu()
    assert not state.ready
    assert ("firmware" in state.state and "is missing" in state.state) == missing
    assert "intel-fw-npu" in state.remedy


def test_the_kernel_s_own_reason_is_told(system: System) -> None:
    system.add_npu(node="")
    system.write(FIRMWARE)
    message = "intel_vpu 0000:00:0b.0: [drm] *ERROR* ivpu_fw_check_api(): Incompatible FW BOOT API version: 2.4"
    system.write("dev/kmsg", f"6,1,1,-;something else\n3,812,5140900,-;{message}, required 3.0 or later\n")
    assert "does not fit the kernel" in system.npu().remedy


def test_a_device_that_another_driver_holds(system: System) -> None:
    system.add_npu(driver="vfio-pci", node="")
    assert "vfio-pci" in system.npu().state


def test_a_node_that_a_container_does_not_have(with_npu: System) -> None:
    (with_npu.root / "dev/accel/accel0").unlink()
    assert "container" in with_npu.npu().remedy


def test_a_user_outside_the_node_s_group_is_told_the_group(with_npu: System) -> None:
    node = with_npu.root / "dev/accel/accel0"
    node.chmod(0o660)
    if node.stat().st_gid == 0:
        os.chown(node, -1, 4)  # root's own group is no group to put anyone into
    state = with_npu.npu(STRANGER)
    assert state.state == "The user stranger may not open /dev/accel/accel0."
    assert "usermod --append --groups " in state.remedy
    assert with_npu.npu(dataclasses.replace(STRANGER, groups=frozenset([node.stat().st_gid]))).ready


@pytest.mark.parametrize(("add", "node"), [("add_npu", "accel/accel0"), ("add_gpu", "dri/renderD128")])
def test_a_node_for_nobody_but_root_needs_a_udev_rule(system: System, add: str, node: str) -> None:
    """An NPU on Debian 12, whose systemd knows no such devices."""
    getattr(system, add)()
    (system.root / "dev" / node).chmod(0o600)
    for state in driver_states(system.root, STRANGER):
        if state.present:
            assert f"may not open /dev/{node}" in state.state
            assert 'GROUP="render", MODE="0660"' in state.remedy
            assert f'KERNEL=="{node.split("/")[1].rstrip("0128")}*"' in state.remedy


def test_who_may_open_a_file(tmp_path: Path) -> None:
    file = tmp_path / "node"
    file.touch()
    owner, group = file.stat().st_uid + 1, file.stat().st_gid
    cases: list[tuple[int, Account, bool]] = [
        (0o666, STRANGER, True),
        (0o664, STRANGER, False),
        (0o660, Account("member", 54321, frozenset([group])), True),
        (0o646, Account("member", 54321, frozenset([group])), False),
        (0o000, Account("root", 0, frozenset()), True),
        (0o060, Account("other", owner, frozenset([group + 1])), False),
    ]
    for mode, who, expected in cases:
        file.chmod(mode)
        assert who.may_open(file) == expected, f"{mode:o} for {who.name}"
    file.chmod(0o600)
    assert this_account().may_open(file)


def test_the_engine_runs_as_this_user_or_as_the_service_s() -> None:
    assert engine_account() == this_account() or (os.geteuid() == 0 and engine_account().name == "veilsight-engine")


@pytest.mark.parametrize(
    ("missing", "package"),
    [(f"{LIBRARIES}/libOpenCL.so.1", "ocl-icd-libopencl1"), ("etc/OpenCL/vendors/intel.icd", "intel-opencl-icd")],
)
def test_each_missing_part_of_the_gpu_driver_names_its_package(with_gpu: System, missing: str, package: str) -> None:
    (with_gpu.root / missing).unlink()
    state = with_gpu.gpu()
    assert not state.ready
    assert f"Install {package};" in state.remedy


def test_another_maker_s_opencl_driver_is_not_intel_s(with_gpu: System) -> None:
    with_gpu.write("etc/OpenCL/vendors/intel.icd", "libMesaOpenCL.so.1\n")
    assert "intel-opencl-icd" in with_gpu.gpu().remedy


def test_a_gpu_that_the_kernel_does_not_run(system: System) -> None:
    system.add_gpu(node="")
    assert "firmware" in system.gpu().remedy


def test_what_openvino_lists_lacks_nothing_but_rights(system: System) -> None:
    """Libraries may lie where nobody looks for them."""
    system.add_npu()
    assert driver_states(system.root, listed=["NPU", "CPU"])[0].ready
    (system.root / "dev/accel/accel0").chmod(0o600)
    assert not driver_states(system.root, STRANGER, ["NPU"])[0].ready


def test_what_openvino_lists_is_there_even_where_no_file_shows_it(system: System) -> None:
    """As in a guest system that reaches its host's graphics in a way of its own."""
    states = driver_states(system.root, listed=["GPU", "CPU"])
    assert [(state.present, state.ready) for state in states] == [(False, False), (True, True)]


def test_what_openvino_does_not_list_is_not_ready(with_npu: System) -> None:
    state = driver_states(with_npu.root, listed=["CPU"])[0]
    assert not state.ready
    assert "OpenVINO does not find it" in state.state
    assert "intel-level-zero-npu" in state.remedy


def break_into_garbage(system: System) -> None:
    for path in ("sys/devices/pci0000:00/0000:00:0b.0/device", "var/lib/dpkg/status", "proc/sys/kernel/osrelease"):
        system.write(path)
        (system.root / path).write_bytes(b"\xff\x00\n\n\nPackage")


def break_into_directories(system: System) -> None:
    for path in ("var/lib/dpkg/status", "proc/sys/kernel/osrelease", "dev/kmsg", LOADER):
        if (system.root / path).is_symlink():
            (system.root / path).unlink()
        (system.root / path).mkdir(parents=True)


@pytest.mark.parametrize("damage", [break_into_garbage, break_into_directories])
def test_strange_files_are_not_errors(with_npu: System, damage: Callable[[System], None]) -> None:
    damage(with_npu)
    assert all(state.state.endswith(".") for state in driver_states(with_npu.root))
