"""The two-layer notice: what each layer says, and that the sign's code leads to the second."""

import io
import subprocess
from pathlib import Path

import cv2
import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.language import CODES, Code, Languages, english
from appliance.reports.notice import as_page, first_layer, missing, render_sign, second_layer
from appliance.settings import Anonymity, Processing, Settings, Site
from appliance.storage.camera_records import CameraRecord
from appliance.storage.cameras import Camera

STATED = Settings(
    site=Site(name="Papeterie Lumière", controller="Lumière SARL, Nantes", contact="privacy@lumiere.example"),
    processing=Processing("Me Dupont", "Counting visitors", "Art. 6(1)(f)", "Head office", "https://lumiere.example/n"),
)
ADDRESS = "https://192.0.2.7:8443/notice?language=fr"


def words(sign: bytes, directory: Path) -> str:
    path = directory / "sign.pdf"
    path.write_bytes(sign)
    run = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True)
    return " ".join(run.stdout.split())


@pytest.mark.parametrize("code", CODES)
def test_the_sign_says_what_the_first_layer_must(tmp_path: Path, code: Code) -> None:
    sign = render_sign(STATED, ADDRESS, Languages().get(code))
    said = words(sign, tmp_path)
    for expected in (
        *("Lumière SARL, Nantes", "privacy@lumiere.example", "Me Dupont", "Counting visitors", "Art. 6(1)(f)"),
        *(ADDRESS, "25"),
    ):
        assert expected in said
    with pikepdf.open(tmp_path / "sign.pdf") as document:
        assert len(document.pages) == 1
        assert [round(float(each)) for each in document.pages[0].MediaBox] == [0, 0, 595, 842]


def test_the_code_leads_to_the_second_layer(tmp_path: Path) -> None:
    (tmp_path / "sign.pdf").write_bytes(render_sign(STATED, ADDRESS, english()))
    subprocess.run(
        ["pdftoppm", "-r", "100", "-png", "-singlefile", tmp_path / "sign.pdf", tmp_path / "sign"], check=True
    )
    image = cv2.imread(str(tmp_path / "sign.png"))
    assert image is not None
    assert cv2.QRCodeDetector().detectAndDecode(image)[0] == ADDRESS


def test_what_is_not_stated_is_left_open_and_named() -> None:
    assert missing(STATED) == []
    assert missing(Settings()) == ["the controller", "how to reach the controller", "the purposes", "the legal basis"]
    assert [part.paragraphs for part in first_layer(Settings())][:4] == [()] * 4


@settings(max_examples=8, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=500), number=st.integers(1, 120))
def test_whatever_is_stated_the_sign_is_one_page(text: str, number: int) -> None:
    site = Site(name=text[:120] or "x", controller=text * 3 if len(text) < number else text, contact=text)
    sign = render_sign(Settings(site=site, processing=Processing(text, text, text, text)), ADDRESS, english())
    with pikepdf.open(io.BytesIO(sign)) as document:
        assert len(document.pages) == 1


def test_the_second_layer_says_all_of_article_13_and_no_cameras_name() -> None:
    cameras = (Camera("gate", "rtsp://192.0.2.1/"), Camera("store-room", "rtsp://192.0.2.2/", enabled=False))
    records = {
        "gate": CameraRecord("gate", "above the door", "the porch"),
        "store-room": CameraRecord("store-room", "in the store room"),
    }
    page = as_page(second_layer(STATED, cameras, records), "A <title>", english())
    for said in (
        *("Lumière SARL, Nantes", "privacy@lumiere.example", "Me Dupont", "Counting visitors", "Art. 6(1)(f)"),
        *("Head office", "third country", "25 months", "1 camera is in use", "above the door, the porch"),
        *(
            "Article 15",
            "erasure (17)",
            "restriction (18)",
            "legitimate interest (21)",
            "Article 77",
            "A &lt;title&gt;",
        ),
    ):
        assert said in page
    assert "gate" not in page
    assert "store room" not in page, "a camera that is switched off sees nobody"
    assert "src=" not in page
    assert "http-equiv" not in page


def test_the_second_layer_tells_how_counts_are_made_anonymous() -> None:
    told = {}
    for mode in ("differential", "threshold", "off"):
        anonymity = Anonymity(mode=mode, reason="a check of the counts")
        told[mode] = as_page(second_layer(Settings(anonymity=anonymity), (), {}), "t", english())
    assert "Random noise" in told["differential"]
    assert "below 5" in told["threshold"]
    assert "exact" in told["off"]
