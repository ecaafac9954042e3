"""What decodes a camera's video, hardware or the processor, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from appliance.language import marked

# FFmpeg's kinds of hardware that decode, what people call them, and the file that is there where a machine has one.
HARDWARE = (("vaapi", "VAAPI", "dri/renderD*"), ("cuda", "NVIDIA", "nvidiactl"))
HARDWARE_KINDS = tuple(kind for kind, _name, _device in HARDWARE)

USB = marked("cameras at USB always are")
OVER_UDP = marked("over UDP packets may be lost, and hardware does not tell which pictures that has spoilt")
NO_HARDWARE = marked("this machine has no GPU that decodes video")
DECLINED = marked("the GPU does not decode this kind of stream")
RECORDING = marked("recordings always are")


@dataclass(frozen=True)
class Decoding:
    """The hardware that is asked first, or None and the reason why the processor decodes.

    Hardware may still decline a stream; the processor then decodes it all the same.
    """

    hardware: HWAccel | None
    reason: str = ""


def choose_hardware(devices: Path = Path("/dev"), built: Sequence[str] | None = None) -> Decoding:
    """The first hardware that this machine has (under `devices`), that FFmpeg was built for, and that can be started.

    `built` are FFmpeg's kinds, by default those of PyAV's own.
    """
    built = hwdevices_available() if built is None else built
    reasons = []
    for kind, name, pattern in HARDWARE:
        device = next(iter(sorted(devices.glob(pattern))), None)
        if device is None:
            continue
        if kind not in built:
            reasons.append(f"{device} would need {name}, which this PyAV is built without")
            continue
        accelerator = HWAccel(kind, allow_software_fallback=True, options=_shared_context(kind))
        try:
            accelerator.create(av.Codec("h264", "r"))
        except (av.FFmpegError, OSError, NotImplementedError) as error:
            reasons.append(f"{name} at {device} can't be started ({type(error).__name__})")
            continue
        return Decoding(accelerator)
    return Decoding(None, "; ".join(reasons) or NO_HARDWARE)


def _shared_context(kind: str) -> dict[str, object] | None:
    # One context for all cameras: each costs a few hundred megabytes of an NVIDIA device's memory.
    return {"primary_ctx": "1"} if kind == "cuda" else None
