"""What the benchmark of restarts says of stored buckets."""

from benchmarks.restarts import report


def test_what_was_observed_is_put_beside_what_was_watched() -> None:
    start = 1_796_055_900.0
    watched = [(start + 10.0, start + 40.0), (start + 290.0, start + 320.0)]
    stored = [(start, 38.0), (start, 36.5), (start + 300.0, 20.0), (start + 300.0, 19.0)]
    first, second = report(stored, watched)
    assert first == {
        "start": "16:25",
        "cameras": 2,
        "kills": 1,
        "watched_seconds": 40.0,
        "observed_seconds": {"least": 36.5, "most": 38.0},
    }
    assert (second["kills"], second["watched_seconds"]) == (1, 20.0)
