"""How devices are named."""

import openvino as ov

from appliance.vision.device_report import identify


def test_every_device_is_identified_as_far_as_it_tells() -> None:
    (processor,) = [device for device in identify(ov.Core()) if device.kind == "CPU"]
    assert processor.full_name
    assert processor.driver == ""
