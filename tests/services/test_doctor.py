"""What the doctor makes of the state of NPU and GPU."""

import pytest

from appliance.services.doctor import describe_driver
from appliance.settings import Analysis
from appliance.vision.drivers import DriverState

ABSENT = DriverState("NPU", present=False, ready=False, state="This machine has no Intel NPU.")
READY = DriverState("NPU", present=True, ready=True, state="The Intel NPU is ready.")
BROKEN = DriverState("NPU", present=True, ready=False, state="A part is missing.", remedy="Install it.")


@pytest.mark.parametrize(
    ("driver", "analysis", "state"),
    [
        (ABSENT, Analysis(), "note"),
        (READY, Analysis(), "fine"),
        (BROKEN, Analysis(), "wrong"),
        (BROKEN, Analysis(devices=("GPU", "CPU")), "note"),
        (BROKEN, Analysis(devices=("CPU",), network_devices={"centerface": ("NPU", "CPU")}), "wrong"),
        (BROKEN, Analysis(devices=("NPU.1", "CPU")), "wrong"),
    ],
)
def test_a_device_is_wrong_where_it_is_there_and_wanted_and_cannot_be_used(
    driver: DriverState, analysis: Analysis, state: str
) -> None:
    finding = describe_driver(driver, analysis)
    assert (finding.check, finding.state) == ("NPU", state)
    assert finding.text == f"{driver.state} {driver.remedy}".strip()
