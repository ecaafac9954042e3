"""The kinds of network whose outputs can be read; a catalogue entry names one of them."""

from collections.abc import Mapping
from types import MappingProxyType

from appliance.vision.backends.interface import Family
from appliance.vision.detectors import centerface, centernet, text, yunet

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "centernet": Family(centernet.OUTPUTS, centernet.output_shapes, centernet.decode),
        "centerface": Family(centerface.OUTPUTS, centerface.output_shapes, centerface.decode),
        "dbnet": Family(text.OUTPUTS, text.output_shapes, text.decode),
        "yunet": Family(yunet.OUTPUTS, yunet.output_shapes, yunet.decode),
    }
)
