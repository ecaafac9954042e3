"""Whether the networks fit an NPU, and what happens where this OpenVINO is asked to compile for one.

OpenVINO's wheel holds the NPU's plug-in but not its compiler, which comes with Intel's driver or with other
distributions of OpenVINO. Where it is there, every network must compile; where it is not, the error and what is made of
it must be exactly what the README says.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import openvino as ov
import pytest

from appliance.vision import weights
from appliance.vision.backends import openvino as backend
from appliance.vision.backends.interface import DeviceFailed, Place
from appliance.vision.catalogue import CatalogueNetwork, load_catalogue
from appliance.vision.compiled_cache import CompiledCache
from appliance.vision.driver_errors import explain_failure
from appliance.vision.families import FAMILIES

NETWORKS = {entry.name: entry for entry in load_catalogue().pack("default").networks}
NPU = Place("OpenVINO", "NPU", "NPU")
COMPILER = "libopenvino_intel_npu_compiler_loader.so"
# Meteor and Arrow Lake, Lunar Lake, Panther Lake.
PLATFORMS = ("3720", "4000", "5010")
OWN_COMPILER = [{"NPU_COMPILER_TYPE": "PLUGIN", "NPU_PLATFORM": platform} for platform in PLATFORMS]
DRIVER_S_COMPILER = {"NPU_COMPILER_TYPE": "DRIVER"}
# What the NPU's compiler imports: the dispatch map in src/vpux_compiler/src/frontend/IE.cpp of
# https://github.com/openvinotoolkit/npu_compiler, without what only stateful or recurrent networks have.
OPERATIONS = """
Abs Acos Acosh AdaptiveAvgPool AdaptiveMaxPool Add Asin Asinh Atan Atanh AvgPool BatchNormInference BatchToSpace
BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Broadcast Bucketize Ceiling Clamp Concat Constant Convert ConvertLike
Convolution ConvolutionBackpropData Cos Cosh CumSum DeformableConvolution DepthToSpace DetectionOutput Divide Elu
Equal Erf Exp ExtractImagePatches Eye FakeConvert FakeQuantize Floor FloorMod GRN Gather GatherElements GatherND
GatherTree Gelu Greater GreaterEqual GridSample GroupConvolution GroupConvolutionBackpropData GroupNormalization
HSigmoid HSwish HardSigmoid I420toBGR I420toRGB Identity Interpolate Inverse LRN Less LessEqual Log LogSoftmax
LogicalAnd LogicalNot LogicalOr LogicalXor MVN MatMul MaxPool Maximum Minimum Mish Mod Multiply NV12toBGR NV12toRGB
Negative NonMaxSuppression NonZero NormalizeL2 NotEqual OneHot PRelu PSROIPooling Pad Parameter Power Proposal
ROIAlign ROIPooling RandomUniform Range ReduceL1 ReduceL2 ReduceLogicalAnd ReduceLogicalOr ReduceMax ReduceMean
ReduceMin ReduceProd ReduceSum RegionYolo Relu ReorgYolo Reshape Result Reverse Roll Round ScaledDotProductAttention
ScatterElementsUpdate ScatterNDUpdate ScatterUpdate Select Selu ShapeOf ShuffleChannels Sigmoid Sign Sin Sinh SoftPlus
Softmax SpaceToBatch SpaceToDepth Split Sqrt SquaredDifference Squeeze StridedSlice Subtract Swish Tan Tanh Tile TopK
Transpose Unsqueeze VariadicSplit
"""


@pytest.fixture(scope="module")
def core() -> ov.Core:
    return ov.Core()


def read(core: ov.Core, entry: CatalogueNetwork, models: Path) -> ov.Model:
    files = weights.read_network(entry, models)
    return core.read_model(files.model, files.weights) if files.weights else core.read_model(files.model)


def prepared(core: ov.Core, entry: CatalogueNetwork, models: Path) -> Iterator[ov.Model]:
    """The network in each of its sizes, with the colours changed inside and before."""
    model = read(core, entry, models)
    for size in entry.input.sizes:
        yield backend.prepare(model, entry.input, FAMILIES[entry.family].outputs, size, "graph")
        yield backend.prepare(model, entry.input, FAMILIES[entry.family].outputs, size, "host")


@pytest.mark.parametrize("entry", NETWORKS.values(), ids=NETWORKS)
def test_every_network_is_fit_for_an_npu(core: ov.Core, entry: CatalogueNetwork, default_models: Path) -> None:
    """Static shapes, batch 1, and no operation that the NPU's compiler does not know."""
    for model in prepared(core, entry, default_models):
        for operation in model.get_ops():
            assert all(output.get_partial_shape().is_static for output in operation.outputs()), operation
        assert [port.shape[0] for port in (*model.inputs, *model.outputs)] == [1] * (1 + len(model.outputs))
        assert {operation.get_type_name() for operation in model.get_ops()} <= set(OPERATIONS.split())


@pytest.mark.parametrize("entry", NETWORKS.values(), ids=NETWORKS)
def test_every_network_compiles_for_an_npu_or_the_failure_says_why(
    core: ov.Core, entry: CatalogueNetwork, default_models: Path, tmp_path: Path
) -> None:
    model = backend.prepare(
        read(core, entry, default_models), entry.input, FAMILIES[entry.family].outputs, entry.input.sizes[0]
    )
    ov.save_model(model, tmp_path / "half.xml", compress_to_fp16=True)
    for form in (model, core.read_model(tmp_path / "half.xml")):
        for properties in ({}, DRIVER_S_COMPILER, *OWN_COMPILER):
            if can_compile(core, properties):
                core.compile_model(form, "NPU", properties)
                continue
            with pytest.raises(RuntimeError) as caught:
                core.compile_model(form, "NPU", properties)
            assert_known_failure(str(caught.value), properties)


def can_compile(core: ov.Core, properties: Mapping[str, str]) -> bool:
    """Whether there is a compiler: OpenVINO's own beside its libraries, or that of the driver of an NPU."""
    if "NPU_PLATFORM" in properties:
        return (Path(ov.__file__).parent / "libs" / COMPILER).exists()
    return "NPU" in core.available_devices


def assert_known_failure(error: str, properties: Mapping[str, str]) -> None:
    """The error is the one that is known for these properties, and so is the sentence that is made of it."""
    sentence = explain_failure("NPU", error)
    if properties == DRIVER_S_COMPILER:
        assert "Could not find an NPU device. The driver compiler requires a valid device" in error
        assert "install level-zero (1.17.17 or newer) and intel-level-zero-npu" in sentence
        return
    assert "VCL compiler loading failed, aborting." in error
    assert f"{COMPILER}: cannot open shared object file" in error
    assert sentence.startswith("OpenVINO's package holds no compiler for the NPU")
    assert "install intel-level-zero-npu and intel-driver-compiler-npu" in sentence


def test_a_network_that_is_put_on_a_missing_npu_fails_with_that_sentence(core: ov.Core, default_models: Path) -> None:
    if "NPU" in core.available_devices:
        pytest.skip("this machine has an NPU")
    entry = NETWORKS["centerface"]
    version = backend.Weights(entry.sha256, lambda: read(core, entry, default_models))
    with pytest.raises(DeviceFailed, match=r"intel-driver-compiler-npu") as caught:
        backend.compile_network(
            core,
            NPU,
            version,
            entry.input,
            FAMILIES[entry.family],
            entry.input.sizes[0],
            backend.Choice(precision="", streams=0),
            CompiledCache(None),
        )
    assert "\n" not in str(caught.value)
