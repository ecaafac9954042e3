"""The same complaint is not told again and again."""

import io
import logging

from appliance.complaints import SILENT_SECONDS, Seldom


def test_the_same_complaint_comes_once_a_minute_and_another_at_once() -> None:
    told, now = io.StringIO(), [0.0]
    handler = logging.StreamHandler(told)
    handler.addFilter(Seldom(lambda: now[0]))
    logger = logging.Logger("veilsight.test")
    logger.addHandler(handler)

    def complain(text: str, error: Exception) -> None:
        try:
            raise error
        except type(error):
            logger.exception(text)

    for _ in range(100):
        complain("a frame could not be redacted", ValueError("no box"))
    assert told.getvalue().count("a frame could not be redacted") == 1
    complain("a frame could not be redacted", ValueError("no number"))
    logger.warning("a frame could not be redacted")
    assert told.getvalue().count("a frame could not be redacted") == 3
    now[0] = SILENT_SECONDS
    complain("a frame could not be redacted", ValueError("no box"))
    assert told.getvalue().count("a frame could not be redacted") == 4


def test_it_forgets_rather_than_grow_for_ever() -> None:
    seldom = Seldom(lambda: 0.0)
    told = [
        seldom.filter(logging.LogRecord("veilsight", logging.ERROR, "", 0, "number %d", (number,), None))
        for number in range(5000)
    ]
    assert all(told)
