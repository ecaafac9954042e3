"""What decodes is chosen by what the machine has and what FFmpeg was built for, and the reason is told."""

from pathlib import Path

from appliance.vision.decoding import NO_HARDWARE, choose_hardware


def test_a_machine_without_a_gpu_says_so(tmp_path: Path) -> None:
    chosen = choose_hardware(tmp_path, ("vaapi", "cuda"))
    assert (chosen.hardware, chosen.reason) == (None, NO_HARDWARE)


def test_a_gpu_that_ffmpeg_was_not_built_for_is_named(tmp_path: Path) -> None:
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "renderD128").touch()
    chosen = choose_hardware(tmp_path, ("cuda",))
    assert chosen.hardware is None
    assert chosen.reason == f"{tmp_path}/dri/renderD128 would need VAAPI, which this PyAV is built without"


def test_a_gpu_that_can_not_be_started_is_told_with_each_other_reason(tmp_path: Path) -> None:
    # A file of the device's name, and no NVIDIA driver behind it.
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "renderD128").touch()
    (tmp_path / "nvidiactl").touch()
    chosen = choose_hardware(tmp_path, ("cuda",))
    if chosen.hardware is None:
        assert "would need VAAPI" in chosen.reason
        assert f"NVIDIA at {tmp_path}/nvidiactl can't be started" in chosen.reason
    else:
        assert Path("/dev/nvidiactl").exists()
