"""How exact counts are under noise: the 95 % interval of sums, by budget and by how many lines and zones a camera has.

Worked out from the scales that the appliance itself uses, so the figures are the same on every machine.
"""

import json

from appliance.metrics.measures import MEASURES, Layout, noise_scales
from appliance.metrics.uncertainty import Noise, add_up, variance_of_noise

BUCKETS = {"bucket": 1, "day": 96, "month of 30 days": 30 * 96}
LAYOUTS = {
    "1 line": Layout(("a",), ()),
    "1 line, vehicles by label": Layout(("a",), labels=True),
    "2 lines": Layout(("a", "b"), ()),
    "1 line, 1 zone": Layout(("a",), ("z",)),
    "2 lines, 3 zones": Layout(("a", "b"), ("x", "y", "z")),
}


def main() -> None:
    """Print half the width of the interval of each measure's sums over 15-minute buckets."""
    print(json.dumps({f"epsilon {epsilon:g}": _of(epsilon) for epsilon in (0.5, 1.0, 2.0, 8.0)}, indent=2))


def _of(epsilon: float) -> dict[str, dict[str, dict[str, float]]]:
    return {
        words: {
            measure: {time: _margin(scale, count) for time, count in BUCKETS.items()}
            for measure, scale in noise_scales(layout, epsilon).items()
            if MEASURES[measure].bound is not None
        }
        for words, layout in LAYOUTS.items()
    }


def _margin(scale: float, buckets: int) -> float:
    return add_up([Noise.of(variance_of_noise(scale))] * buckets).margin


if __name__ == "__main__":
    main()
