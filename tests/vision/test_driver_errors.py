"""What is made of the errors of Intel's drivers, for errors as people have met them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.vision.backends.interface import DeviceKind
from appliance.vision.driver_errors import KNOWN_ERRORS, explain_failure, first_telling_line, known_error

CORE = """Exception from src/inference/src/cpp/core.cpp:117:
Exception from src/inference/src/dev/plugin.cpp:54:
"""
DRIVER = CORE + "Exception from src/plugins/intel_npu/src/compiler_adapter/src/ze_graph_ext_wrappers.cpp:433:\n"
LEVEL_ZERO = "Compilation failed. Level0 pfnCreate2 result: "

NPU_ERRORS = [
    (
        DRIVER + "Failed to compile network. L0 createGraph result: ZE_RESULT_ERROR_UNSUPPORTED_VERSION, code "
        "0x78000002. ERROR! MAPPED_INFERENCE_VERSION is NOT compatible with the ELF Expected: 6.1.0 vs received: 7.0.0",
        ("firmware", "intel-fw-npu"),
    ),
    (
        CORE + "VCL compiler loading failed, aborting. Error: Exception from src/plugins/intel_npu/vcl_api.cpp:22:\n"
        'Cannot load library "/somewhere/libopenvino_intel_npu_compiler_loader.so": /somewhere/'
        "libopenvino_intel_npu_compiler_loader.so: cannot open shared object file: No such file or directory",
        ("no compiler", "intel-driver-compiler-npu", "group render"),
    ),
    (
        CORE + "Could not find an NPU device. The driver compiler requires a valid device to be present in the system.",
        ("finds no NPU", "intel-level-zero-npu", "level-zero"),
    ),
    (CORE + "No available backend", ("finds no NPU", "intel-level-zero-npu")),
    (
        DRIVER + LEVEL_ZERO + "ZE_RESULT_ERROR_INVALID_NULL_POINTER, code 0x78000007 - pointer argument may not be "
        "nullptr . [NPU_VCL] The API version found in the serialized model is not supported. Found: 8.2. Expected: 8.1",
        ("older than this OpenVINO", "intel-driver-compiler-npu"),
    ),
    (
        DRIVER + "Failed to compile network. L0 createGraph result: ZE_RESULT_ERROR_UNKNOWN, code 0x7ffffffe. Check "
        "'false' failed at ..\\src\\inference\\src\\core.cpp:104:\nConverting input model\nCannot create MaxPool layer "
        "pool/MaxPool id:9 from unsupported opset: opset14\n\nFailed to parse model info! Incorrect format!",
        ("older than this OpenVINO", "intel-driver-compiler-npu"),
    ),
    (
        DRIVER + LEVEL_ZERO + "ZE_RESULT_ERROR_UNSUPPORTED_FEATURE, code 0x78000003 - generic error code for "
        "unsupported features .",
        ("finds no compiler", "intel-driver-compiler-npu"),
    ),
    (
        DRIVER + LEVEL_ZERO + "ZE_RESULT_ERROR_UNSUPPORTED_VERSION, code 0x78000002 - generic error code for "
        "unsupported versions . [NPU_DRV] Driver reports VCL Compiler API version mismatch. Expected version: 7.4, "
        "current version: 6.2",
        ("different releases", "intel-driver-compiler-npu"),
    ),
    (
        DRIVER + LEVEL_ZERO + "ZE_RESULT_ERROR_INVALID_ARGUMENT, code 0x78000004 - generic error code for invalid "
        "arguments . [NPU_VCL] Compiler returned msg:\nCompilation failed",
        ("refuses the network", "intel-driver-compiler-npu"),
    ),
    (CORE + "L0 pfnCreate2 result: ZE_RESULT_ERROR_INVALID_ARGUMENT, code 0x78000004", ("refuses the network",)),
    (CORE + "Failed to compile network. Error code: 2147483646. Compilation failed", ("refuses the network",)),
    (
        "Incompatibility between NPU plugin and driver! Plugin L0 API major version = 1, Driver L0 API major version = "
        "2",
        ("does not fit this OpenVINO", "intel-level-zero-npu"),
    ),
    (
        "Plugin supports only driver with graph extension major version 1; discovered driver graph extension has major "
        "version 2",
        ("does not fit this OpenVINO", "intel-level-zero-npu"),
    ),
    (
        "[NOT IMPLEMENTED] Unsupported operation /head/Gelu with type Gelu and version opset7. Try to update the "
        "driver to the latest version.",
        ("one of the network's operations", "intel-driver-compiler-npu"),
    ),
    (
        "L0 zeFenceHostSynchronize result: ZE_RESULT_ERROR_DEVICE_LOST, code 0x70000001 - device hung, reset, was "
        "removed, or driver update occurred",
        ("stopped answering", "intel_vpu", "intel-fw-npu"),
    ),
    ("L0 zeContextCreate result: ZE_RESULT_ERROR_UNINITIALIZED, code 0x78000001", ("level-zero", "group render")),
    ("L0 zeCommandQueueCreate result: ZE_RESULT_ERROR_UNSUPPORTED_VERSION, code 0x78000002", ("one and the same",)),
    ("L0 zeMemAllocHost result: ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY, code 0x70000002", ("no memory",)),
    ("The WorkloadType property is not supported by the current Driver Version!", ("too old",)),
    ("intel_vpu 0000:00:0b.0: [drm] *ERROR* ivpu_fw_request(): Failed to request firmware: -2", ("intel-fw-npu",)),
    ("intel_vpu 0000:00:0b.0: [drm] *ERROR* ivpu_boot(): Failed to boot the firmware: -110", ("intel-fw-npu",)),
]
GPU_ERRORS = [
    (
        CORE + "Check '!m_device_map.empty()' failed at src/plugins/intel_gpu/src/plugin/plugin.cpp:559:\n"
        "[GPU] Can't get PERFORMANCE_HINT property as no supported devices found or an error happened during devices "
        "query.\n[GPU] Please check OpenVINO documentation for GPU drivers setup guide.",
        ("intel-opencl-icd", "group render"),
    ),
    (
        "Cannot load library '/somewhere/libopenvino_intel_gpu_plugin.so': libOpenCL.so.1: cannot open shared object "
        "file: No such file or directory",
        ("ocl-icd-libopencl1",),
    ),
    ("[GPU] clFlush, error code: -5 CL_OUT_OF_RESOURCES", ("intel-opencl-icd",)),
    ("[GPU] clEnqueueNDRangeKernel, error code: -54 CL_INVALID_WORK_GROUP_SIZE", ()),
    ("[GPU] clBuildProgram, error code: -11 CL_BUILD_PROGRAM_FAILURE", ("intel-opencl-icd", "compile")),
]


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [("NPU", *case) for case in NPU_ERRORS] + [("GPU", *case) for case in GPU_ERRORS],
)
def test_a_known_error_says_which_package_to_change(kind: DeviceKind, error: str, words: tuple[str, ...]) -> None:
    sentence = explain_failure(kind, error)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "Exception from" not in sentence
    assert (known_error(kind, error) is not None) == bool(words)
    for word in words:
        assert word in sentence


def test_an_unknown_error_keeps_its_first_telling_line() -> None:
    error = (
        CORE + "Check 'it == true' failed at src/plugins/intel_npu/src/strange.cpp:1:\n\n  The moon is too low \n\nMore"
    )
    assert explain_failure("NPU", error) == "The moon is too low."


def test_a_processor_s_errors_are_not_taken_for_a_driver_s() -> None:
    assert known_error("CPU", NPU_ERRORS[0][0]) is None


@given(st.sampled_from(["NPU", "GPU", "CPU"]), st.text())
def test_whatever_the_error_it_is_one_sentence(kind: DeviceKind, error: str) -> None:
    sentence = explain_failure(kind, error)
    assert sentence.endswith(".")
    assert len(sentence.splitlines()) == 1


@given(st.text(st.characters(categories=["L", "Nd"]), min_size=1))
def test_a_plain_line_is_kept(line: str) -> None:
    assert first_telling_line(f"Exception from somewhere:\n{line}\nand so on") == f"{line}."


def test_a_sentence_that_is_explained_again_stays_as_it_is() -> None:
    """An error may pass two places that explain it."""
    kinds: tuple[DeviceKind, ...] = ("NPU", "GPU", "CPU")
    for kind in kinds:
        for known in KNOWN_ERRORS[kind]:
            assert [explain_failure(each, known.sentence) for each in kinds] == [known.sentence] * 3
