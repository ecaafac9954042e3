"""Finding ONVIF cameras, asking their streams, and choosing one."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as some

from appliance.discovery.onvif_camera import CameraSilent, device_address, read_streams
from appliance.discovery.search import Device, read_answer
from appliance.discovery.streams import LEAST_WIDTH, Stream, best_stream
from tests.conftest import REPOSITORY
from tests.discovery.onvif_server import MATCH, PASSWORD, PROFILES, USERNAME, Behaviour, onvif_camera

ALONE = ("unshare", "--net", "--map-root-user")
SENDER = "192.0.2.10"
ADDRESS = f"http://{SENDER}/onvif/device_service"
ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'

streams = some.builds(
    Stream,
    profile=some.just("one"),
    codec=some.sampled_from(["H264", "H265", "JPEG", "MPEG4"]),
    width=some.integers(16, 8000),
    height=some.integers(16, 8000),
    frame_rate=some.just(10.0),
    address=some.just("rtsp://192.0.2.10/"),
)


def test_a_camera_tells_its_streams_without_passwords() -> None:
    with onvif_camera() as address:
        found = read_streams(address, USERNAME, PASSWORD)
    assert [(each.profile, each.codec, each.width, each.height, each.frame_rate) for each in found] == list(PROFILES)
    assert [each.address for each in found] == [f"rtsp://127.0.0.1:554/{name}" for name in ("main", "sub", "tiny")]


@pytest.mark.parametrize(
    ("behaviour", "password", "sentence"),
    [
        (Behaviour(), "guessed", "refuses the user name or the password"),
        (Behaviour(elsewhere="192.0.2.7"), PASSWORD, "does not speak ONVIF"),
        (Behaviour(prolog=ENTITIES), PASSWORD, "does not speak ONVIF"),
        (Behaviour(prolog="rubbish"), PASSWORD, "does not speak ONVIF"),
    ],
)
def test_a_camera_that_misbehaves_is_one_sentence(behaviour: Behaviour, password: str, sentence: str) -> None:
    with onvif_camera(behaviour) as address, pytest.raises(CameraSilent, match=sentence) as caught:
        read_streams(address, USERNAME, password)
    assert password not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"


def test_a_camera_that_is_away_is_one_sentence() -> None:
    with pytest.raises(CameraSilent, match="does not answer"):
        read_streams("http://127.0.0.1:9/onvif/device_service", USERNAME, PASSWORD)


@pytest.mark.parametrize("text", ["", "http://", "ftp://192.0.2.1/", "http://a:b@192.0.2.1/", "http://[::1/"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(CameraSilent):
        device_address(text)


def test_a_host_is_asked_at_the_usual_place() -> None:
    assert device_address(SENDER) == ADDRESS


@given(some.lists(streams, min_size=1))
def test_the_best_stream_is_wide_enough_and_none_that_is_wide_enough_is_smaller(found: list[Stream]) -> None:
    best, why = best_stream(found)
    assert why
    wide = [each for each in found if each.width >= LEAST_WIDTH]
    if wide:
        assert best in wide
        assert best.width * best.height == min(each.width * each.height for each in wide)
    else:
        assert best.width == max(each.width for each in found)


@pytest.mark.parametrize(
    ("codecs", "chosen"), [("JPEG H265 H264", "H264"), ("JPEG H265", "H265"), ("MPEG4 JPEG", "JPEG")]
)
def test_among_equals_the_lightest_codec_is_chosen(codecs: str, chosen: str) -> None:
    found = [Stream(codec, codec, 704, 576, 12, "rtsp://192.0.2.10/") for codec in codecs.split()]
    assert best_stream(found)[0].codec == chosen


def answer(message: str = "urn:uuid:7", addresses: str = ADDRESS, prolog: str = "") -> bytes:
    content = MATCH.format(message=message, addresses=addresses)
    return content.replace("?><s:", f"?>{prolog}<s:").encode()


def test_an_answer_names_the_camera() -> None:
    assert read_answer(answer(), "urn:uuid:7", SENDER) == Device(ADDRESS, "Front door", "C-100")


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"rubbish",
        answer(message="urn:uuid:8"),
        answer(addresses="http://192.0.2.99/onvif/device_service"),
        answer(addresses="file:///etc/passwd http://[192.0.2.10/"),
        answer(prolog=ENTITIES),
    ],
)
def test_what_is_no_answer_or_leads_elsewhere_is_passed_over(datagram: bytes) -> None:
    assert read_answer(datagram, "urn:uuid:7", SENDER) is None


@given(some.binary(max_size=200))
def test_rubbish_is_passed_over(datagram: bytes) -> None:
    assert read_answer(datagram, "urn:uuid:7", SENDER) is None


def test_cameras_on_the_network_are_found_and_asked() -> None:
    """In a network of its own, so that no probe leaves this machine."""
    if subprocess.run([*ALONE, "ip", "link", "set", "lo", "up"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network namespace (unshare --net)")
    script = (
        "ip link set lo up && "
        'coproc camera { exec "$0" -m tests.discovery.onvif_server; } && read -r ready <&"${camera[0]}" && '
        '"$0" -m appliance.cli.main camera discover --json --seconds 1 --username viewer --password-stdin; '
        "exit $?"  # the shell stays until then, and keeps the camera's standard input open
    )
    done = subprocess.run(
        [*ALONE, "bash", "-c", script, sys.executable],
        cwd=REPOSITORY,
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    (found,) = json.loads(done.stdout)
    assert (found["name"], found["hardware"], found["best"]) == ("Front door", "C-100", "sub")
    assert [each["profile"] for each in found["streams"]] == ["main", "sub", "tiny"]
    assert PASSWORD not in done.stdout + done.stderr
