"""INT8 versions of networks: made with NNCF from pictures in memory, and kept only where they agree with the original.

Post-training quantisation after Jacob, Kligys, Chen et al.: Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, 2018, by NNCF: 8-bit weights for each channel, 8-bit activations whose range is the
one that the calibration pictures show, and biases corrected for the mean error. Only convolutions and matrix products
are quantised, where the time goes. What lies between them stays floating point, as do the last convolution before each
output, which place and score the objects, and the first depthwise one, whose channels are too unlike for one range.
"""

import io
import logging
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import openvino as ov
from openvino._offline_transformations import apply_moc_transformations
from openvino.passes import ConstantFolding, Manager

from appliance.errors import VeilsightError
from appliance.vision import weights
from appliance.vision.agreement import LEAST_SIDE, MARGIN, Agreement, compare, judged
from appliance.vision.backends.openvino import PRECISIONS, converted, prepare
from appliance.vision.calibration import Sample, deal
from appliance.vision.catalogue import CatalogueNetwork
from appliance.vision.detections import Detection
from appliance.vision.families import FAMILIES
from appliance.vision.quantised_weights import NotWritten, QuantisationRecord, file_names

LEAST_AGREEMENT = 0.99
# Fewer held-back objects than this say nothing about one in a hundred.
LEAST_OBJECTS = 50
LEAST_PICTURES = 16
QUANTISED_KINDS = (
    "Convolution",
    "GroupConvolution",
    "ConvolutionBackpropData",
    "GroupConvolutionBackpropData",
    "MatMul",
)
UNCOMPUTED_KINDS = ("Constant", "Parameter", "Result")

Progress = Callable[[str], None]


class NNCFMissing(VeilsightError):
    """NNCF is not installed."""


class NotQuantised(VeilsightError):
    """No INT8 version was made: too little to judge by, or it agreed too little with the original.

    `record` says how well the best attempt agreed, where one was made.
    """

    def __init__(self, message: str, record: QuantisationRecord | None = None) -> None:
        super().__init__(message)
        self.record = record


@dataclass(frozen=True)
class Recipe:
    """A way to quantise: what stays floating point besides what always does.

    That are the first `float_convolutions` convolutions of any kind, and the first `float_depthwise` depthwise ones,
    None for all of them.
    """

    name: str
    float_convolutions: int
    float_depthwise: int | None


# The fastest result first, the most faithful last; the first that agrees with the original is kept.
RECIPES = (
    Recipe("standard", float_convolutions=0, float_depthwise=1),
    Recipe("careful", float_convolutions=8, float_depthwise=1),
    Recipe("most careful", float_convolutions=16, float_depthwise=None),
)


@dataclass(frozen=True)
class Quantised:
    """An INT8 version that agrees with its original: what `write_quantised` takes."""

    record: QuantisationRecord
    model: bytes
    values: bytes


def quantise(entry: CatalogueNetwork, directory: Path, samples: Sequence[Sample], progress: Progress) -> Quantised:
    """Make an INT8 version of the network in the models directory and compare it with the original.

    The first recipe whose result agrees well enough is taken. Nothing but the network itself is written, into a folder
    of the models directory that is gone afterwards. Raises `NotQuantised`, `NNCFMissing`, `ModelMissing`,
    `ModelChanged` and `NotWritten`.
    """
    nncf = load_nncf()
    calibration, held_back = deal(samples)
    core = ov.Core()
    original, original_sha256 = read_original(core, entry, directory)
    check_pictures(entry, samples)
    progress("looking at the pictures with the original")
    reference = detect(core, entry, original, held_back, "f32")
    check_enough(entry, held_back, reference)
    attempts: list[QuantisationRecord] = []
    for recipe in RECIPES:
        if not quantises_something(original, entry, recipe):
            continue
        progress(f"calibrating with {len(calibration)} pictures ({recipe.name})")
        model = make_int8(nncf, original, entry, calibration, recipe)
        progress(f"comparing on {len(held_back)} other pictures ({recipe.name})")
        agreement = compare_at_all_precisions(core, entry, model, held_back, reference)
        record = describe(entry, original_sha256, recipe, len(calibration), len(held_back), agreement, nncf.__version__)
        attempts.append(record)
        if agreement.least >= LEAST_AGREEMENT:
            content, values = serialise(model, entry, directory)
            names = file_names(entry.name)
            files = {names[0]: weights.sha256(content), names[1]: weights.sha256(values)}
            return Quantised(msgspec.structs.replace(record, files=files), content, values)
    best = max(attempts, key=lambda record: min(record.recall, record.precision))
    raise NotQuantised(
        f"The INT8 version of {entry.name} finds {best.recall:.1%} of what the original finds, and the original finds "
        f"{best.precision:.1%} of what it finds; both must be {LEAST_AGREEMENT:.0%}, so the original stays in use.",
        best,
    )


def load_nncf() -> Any:
    """The module `nncf`, which neither reports its use over the network nor writes to standard output.

    Raises `NNCFMissing`.
    """
    # NNCF reports what it quantises to its makers through this package, and does without where it is not there.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    logger_class = logging.getLoggerClass()
    try:
        import nncf
    except ImportError as error:
        raise NNCFMissing(
            f"Quantising needs NNCF, which is not installed; install it with: {sys.executable} -m pip install "
            "'nncf>=3.4,<4'"
        ) from error
    finally:
        # NNCF puts its own class in place for every logger of the program.
        logging.setLoggerClass(logger_class)
    logging.getLogger("nncf").handlers.clear()
    nncf.set_log_level(logging.ERROR)
    return nncf


def read_original(core: ov.Core, entry: CatalogueNetwork, directory: Path) -> tuple[ov.Model, str]:
    """The checked original and the SHA-256 of its model file."""
    files = weights.read_network(entry, directory)
    model = core.read_model(files.model, files.weights) if files.weights else core.read_model(files.model)
    return model, weights.sha256(files.model)


def check_pictures(entry: CatalogueNetwork, samples: Sequence[Sample]) -> None:
    """Raises `NotQuantised` where there are too few pictures."""
    if len(samples) < 2 * LEAST_PICTURES:
        raise NotQuantised(
            f"{len(samples)} pictures are too few to quantise {entry.name}; give {2 * LEAST_PICTURES} or more."
        )


def check_enough(
    entry: CatalogueNetwork, held_back: Sequence[Sample], reference: Sequence[Sequence[Detection]]
) -> None:
    """Raises `NotQuantised` where the pictures held back show too little to compare by."""
    objects = sum(
        len(judged(each, sample.placement, entry.minimum_score))
        for each, sample in zip(reference, held_back, strict=True)
    )
    if objects < LEAST_OBJECTS:
        raise NotQuantised(
            f"{entry.name} finds only {objects} objects in the {len(held_back)} pictures held back for the comparison, "
            f"too few to judge an INT8 version by; give pictures with {LEAST_OBJECTS} or more."
        )


def make_int8(
    nncf: Any, original: ov.Model, entry: CatalogueNetwork, calibration: Sequence[Sample], recipe: Recipe
) -> ov.Model:
    """The network in INT8, with the wanted outputs only; its input [1, 3, H, W] takes any size of the catalogue's."""
    model = simplified(original, FAMILIES[entry.family].outputs)
    dataset = nncf.Dataset(list(calibration), lambda sample: converted(sample.tensor, entry.input))
    # Its progress bars go to standard output, where only results belong.
    with redirect_stdout(io.StringIO()):
        made: ov.Model = nncf.quantize(
            model,
            dataset,
            subset_size=len(calibration),
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=float_operations(model, recipe), validate=False),
        )
    return made


def simplified(original: ov.Model, outputs: Sequence[str]) -> ov.Model:
    """The wanted outputs only, for pictures of any size, with everything computed that can be beforehand.

    NNCF recognises a convolution's bias only where it is a constant.
    """
    copy = original.clone()
    model = ov.Model([copy.output(name) for name in outputs], copy.get_parameters(), copy.get_friendly_name())
    # With a fixed size, folding would fix the sizes inside the network as well.
    model.reshape([1, 3, -1, -1])
    manager = Manager()
    manager.register_pass(ConstantFolding())
    manager.run_passes(model)
    apply_moc_transformations(model, cf=True)
    return model


def float_operations(model: ov.Model, recipe: Recipe) -> list[str]:
    """The names of the operations that are not quantised; see above."""
    kinds = {operation.get_friendly_name(): operation.get_type_name() for operation in model.get_ordered_ops()}
    depthwise = [name for name, kind in kinds.items() if kind == "GroupConvolution"]
    between = {name for name, kind in kinds.items() if kind not in QUANTISED_KINDS + UNCOMPUTED_KINDS}
    first = [name for name, kind in kinds.items() if kind in QUANTISED_KINDS][: recipe.float_convolutions]
    return sorted({*between, *heads(model), *first, *depthwise[: recipe.float_depthwise]})


def quantises_something(original: ov.Model, entry: CatalogueNetwork, recipe: Recipe) -> bool:
    """Whether the recipe leaves an operation to quantise; of a small network, a careful one may not."""
    model = simplified(original, FAMILIES[entry.family].outputs)
    kept = set(float_operations(model, recipe))
    return any(
        operation.get_type_name() in QUANTISED_KINDS and operation.get_friendly_name() not in kept
        for operation in model.get_ops()
    )


def heads(model: ov.Model) -> set[str]:
    """The names of the last convolution before each output, and of what follows it."""
    found: set[str] = set()
    pending = [result.input_value(0).get_node() for result in model.get_results()]
    while pending:
        operation = pending.pop()
        if operation.get_friendly_name() in found or operation.get_type_name() in UNCOMPUTED_KINDS:
            continue
        found.add(operation.get_friendly_name())
        if operation.get_type_name() not in QUANTISED_KINDS:
            pending += [value.get_node() for value in operation.input_values()]
    return found


def compare_at_all_precisions(
    core: ov.Core,
    entry: CatalogueNetwork,
    model: ov.Model,
    samples: Sequence[Sample],
    reference: Sequence[Sequence[Detection]],
) -> Agreement:
    """The worst agreement of those at each precision in which the CPU may run what is not quantised."""
    offered = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    names = [name for name, capability in PRECISIONS.items() if capability in offered]
    placements = [sample.placement for sample in samples]
    found = [detect(core, entry, model, samples, name) for name in names]
    agreements = [compare(reference, each, placements, entry.minimum_score) for each in found]
    return min(agreements, key=lambda agreement: agreement.least)


def detect(
    core: ov.Core, entry: CatalogueNetwork, model: ov.Model, samples: Sequence[Sample], precision: str
) -> list[tuple[Detection, ...]]:
    """What a version of the network reports for each picture, on the CPU at an inference precision of OpenVINO's."""
    family = FAMILIES[entry.family]
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    requests: dict[tuple[int, int], ov.InferRequest] = {}
    found = []
    for sample in samples:
        if sample.size not in requests:
            prepared = prepare(model, entry.input, family.outputs, sample.size)
            requests[sample.size] = core.compile_model(prepared, "CPU", options).create_infer_request()
        request = requests[sample.size]
        request.infer(ov.Tensor(sample.tensor, shared_memory=True))
        outputs = [output.data for output in request.output_tensors]
        found.append(family.decode(outputs, sample.placement, entry.minimum_score))
    return found


def describe(
    entry: CatalogueNetwork,
    original_sha256: str,
    recipe: Recipe,
    calibration_pictures: int,
    held_back_pictures: int,
    agreement: Agreement,
    nncf_version: str,
) -> QuantisationRecord:
    """The record, still without the files' SHA-256."""
    return QuantisationRecord(
        network=entry.name,
        original=original_sha256,
        recipe=recipe.name,
        calibration_pictures=calibration_pictures,
        held_back_pictures=held_back_pictures,
        judged_from_score=round(entry.minimum_score + MARGIN, 6),
        judged_from_side=LEAST_SIDE,
        reference_objects=agreement.recall.objects,
        found_objects=agreement.precision.objects,
        recall=round(agreement.recall.value, 4),
        precision=round(agreement.precision.value, 4),
        strict_recall=round(agreement.strict_recall.value, 4),
        strict_precision=round(agreement.strict_precision.value, 4),
        nncf=nncf_version,
        openvino=ov.get_version(),
        made=datetime.now(UTC).replace(microsecond=0),
        files={},
    )


def serialise(model: ov.Model, entry: CatalogueNetwork, directory: Path) -> tuple[bytes, bytes]:
    """The model as OpenVINO IR: its XML and its weights. Raises `NotWritten`."""
    try:
        # OpenVINO writes to files only.
        with tempfile.TemporaryDirectory(dir=directory, prefix=f".{entry.name}.") as folder:
            model_path, values_path = (Path(folder) / name for name in file_names(entry.name)[:2])
            ov.serialize(model, model_path, values_path)
            return model_path.read_bytes(), values_path.read_bytes()
    except (OSError, RuntimeError) as error:
        raise NotWritten(
            f"The INT8 version of {entry.name} can't be written to {directory}; the original stays in use."
        ) from error
