"""What the errors of Intel's drivers mean, and which package to change.

The NPU's driver comes in parts that must fit each other and OpenVINO: firmware, Level Zero driver and compiler. Where
they don't, the error names a function or a number. The known ones are listed here with a plain sentence each.

Sources: the error texts in OpenVINO 2026.4's own plug-ins; https://github.com/openvinotoolkit/openvino/issues 23819,
26961, 29386, 36374; https://github.com/intel/linux-npu-driver with its issues 28, 31, 87, 107, 108; the kernel's
drivers/accel/ivpu.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from appliance.vision.backends.interface import DeviceKind

SAME_RELEASE = (
    "install intel-level-zero-npu, intel-driver-compiler-npu and intel-fw-npu of one and the same release, a newer one "
    "than now, and restart"
)


@dataclass(frozen=True)
class KnownError:
    """A regular expression for (a part of) an error, and what to tell whoever looks after the machine."""

    pattern: str
    sentence: str


# The first that matches counts, so the telling ones come before the general ones.
NPU_ERRORS = (
    KnownError(
        r"MAPPED_INFERENCE_VERSION is NOT compatible|NOT compatible with the ELF",
        "The NPU's firmware does not fit its compiler: install intel-fw-npu of the same release as "
        "intel-driver-compiler-npu, and restart.",
    ),
    KnownError(
        r"Incompatible FW .*API version|Major FW .*API version different",
        "The NPU's firmware does not fit the kernel: install a newer intel-fw-npu (or a newer kernel), and restart.",
    ),
    KnownError(
        r"Failed to request firmware|Failed to initialize firmware",
        "The kernel finds no firmware for the NPU: install intel-fw-npu (or Debian's firmware-intel-misc) and restart.",
    ),
    KnownError(
        r"Failed to (boot|start) the firmware",
        "The NPU does not start: install a newer intel-fw-npu and a newer kernel, and switch the machine off and on.",
    ),
    KnownError(
        r"intel_npu_compiler\w*\.so.*cannot open shared object|VCL compiler loading failed",
        "OpenVINO's package holds no compiler for the NPU, and Intel's driver, which brings one, was not found: "
        "install intel-level-zero-npu and intel-driver-compiler-npu, and let this user open /dev/accel (group render).",
    ),
    KnownError(
        r"Unsupported VCL version|Unsupported vcl_symbol|Unsupported symbol npuVM",
        "The NPU's compiler is of another time than this OpenVINO: install a newer intel-driver-compiler-npu.",
    ),
    KnownError(
        r"VCL Compiler API version mismatch",
        "The NPU's driver and its compiler are of different releases: install intel-driver-compiler-npu of the same "
        "release as intel-level-zero-npu.",
    ),
    KnownError(
        r"API version found in the serialized model|Failed to parse model info"
        r"|unsupported opset|Failed to parse ioInfoOptions|Failed to prepare io info",
        f"The NPU's compiler is older than this OpenVINO and can't read its networks: {SAME_RELEASE}.",
    ),
    KnownError(
        r"Unsupported operation .* with type|Try to update the driver to the latest version",
        f"The NPU's compiler does not know one of the network's operations: {SAME_RELEASE}.",
    ),
    KnownError(
        r"driver_compiler\.so.*cannot open|pfnCreate\w* result: ZE_RESULT_ERROR_UNSUPPORTED_FEATURE",
        "The NPU's driver finds no compiler: install intel-driver-compiler-npu of the same release as "
        "intel-level-zero-npu.",
    ),
    KnownError(
        r"Incompatibility between NPU plugin and driver|graph extension major version|Failed to find Graph extension"
        r"|Unsupported NPU driver",
        "The NPU's driver does not fit this OpenVINO: install a newer intel-level-zero-npu (with "
        "intel-driver-compiler-npu and intel-fw-npu of the same release).",
    ),
    KnownError(
        r"not supported (with|by) (this|the current) driver|not available using this driver version"
        r"|update the driver to the latest version|too old to run inference",
        f"The NPU's driver is too old for this OpenVINO: {SAME_RELEASE}.",
    ),
    KnownError(
        r"ZE_RESULT_ERROR_INSUFFICIENT_PERMISSIONS",
        "This user may not use the NPU: add it to the group render, and log in anew or restart the service.",
    ),
    KnownError(
        r"Could not find an NPU device|No available backend|NPU driver wasn't found|Level zero backend is not found"
        r"|None of the backends|No available devices|ZE_RESULT_ERROR_UNINITIALIZED|zeInit",
        "OpenVINO finds no NPU that it may use: install level-zero (1.17.17 or newer) and intel-level-zero-npu, and "
        "let this user open /dev/accel (group render).",
    ),
    KnownError(
        r"ZE_RESULT_ERROR_DEVICE_LOST|device hung, reset, was removed|ZE_RESULT_ERROR_DEVICE_REQUIRES_RESET",
        "The NPU stopped answering: load its kernel module intel_vpu anew or restart; if it happens again, install a "
        "newer intel-fw-npu and a newer kernel.",
    ),
    KnownError(
        r"ZE_RESULT_ERROR_OUT_OF_(DEVICE|HOST)_MEMORY",
        "The NPU has no memory left: let fewer networks run on it (network_devices in the settings).",
    ),
    KnownError(
        r"ZE_RESULT_ERROR_UNSUPPORTED_VERSION|ZE_RESULT_ERROR_INVALID_NATIVE_BINARY",
        f"The parts of the NPU's driver do not fit each other: {SAME_RELEASE}.",
    ),
    KnownError(
        r"pfnCreate|vclAllocatedExecutableCreate|Failed to compile network|vpux-compiler|Failed to create executable"
        r"|\[NPU_VCL\]|createGraph|Compilation failed",
        f"The NPU's compiler refuses the network: {SAME_RELEASE}.",
    ),
)
GPU_ERRORS = (
    KnownError(
        r"libOpenCL\.so\.1.*cannot open shared object",
        "OpenCL's loader is missing: install ocl-icd-libopencl1.",
    ),
    KnownError(
        r"no supported devices found or an error happened during devices query|clGetPlatformIDs|error code: -1001",
        "OpenCL finds no Intel GPU: install intel-opencl-icd, and let this user open /dev/dri/renderD* (group render).",
    ),
    KnownError(
        r"Error during the build of OpenCL program|CL_BUILD_PROGRAM_FAILURE|clBuildProgram|error code: -11\b"
        r"|CL_COMPILER_NOT_AVAILABLE|error code: -3\b|Incompatible OpenCL runtime",
        "The GPU's driver can't compile for this GPU: install a newer intel-opencl-icd, with the graphics compiler "
        "that its release names (intel-igc-opencl-2).",
    ),
    KnownError(
        r"CL_OUT_OF_RESOURCES|CL_EXEC_STATUS_ERROR|error code: -(5|14)\b|may cause the application to hang",
        "The GPU failed or is out of memory: install a newer intel-opencl-icd; if it happens again, let fewer networks "
        "run on it (network_devices in the settings).",
    ),
    KnownError(
        r"CL_(MEM_OBJECT_ALLOCATION_FAILURE|OUT_OF_HOST_MEMORY)|error code: -(4|6)\b",
        "The GPU has no memory left: let fewer networks run on it (network_devices in the settings).",
    ),
)
KNOWN_ERRORS: Mapping[DeviceKind, Sequence[KnownError]] = MappingProxyType(
    {"NPU": NPU_ERRORS, "GPU": GPU_ERRORS, "CPU": ()}
)


def known_error(kind: DeviceKind, error: str) -> str | None:
    """The sentence for an error of a device of this kind, where it is a known one."""
    return next(
        (known.sentence for known in KNOWN_ERRORS[kind] if re.search(known.pattern, error, re.IGNORECASE)), None
    )


def explain_failure(kind: DeviceKind, error: str) -> str:
    """One sentence about an error of OpenVINO on a device: what to change, or else the error's first telling line."""
    return known_error(kind, error) or first_telling_line(error)


def first_telling_line(error: str) -> str:
    """The first line that says something, without the trail of source files before it; a full stop at its end."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    text = (telling or lines or ["An error without a text"])[0]
    return text if text.endswith(".") else f"{text}."
