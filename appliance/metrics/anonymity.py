"""What of a closed bucket may be stored: the three modes, and the proof that the first keeps its promise.

**Modes.** `differential` (the default) adds noise here, when the bucket closes. `threshold` stores exact numbers,
which `metrics/publishing.py` withholds below k each time they are read. `off` stores and shows exact numbers. In
each mode only what is in `measures.MEASURES` passes: no track, no moment within the bucket, no position, no single
dwell.

**The promise of `differential`.** Let D be what one camera saw, a multiset of visits, and D' the same with one visit
more or less. For every set S of what may ever be stored of that camera, P(M(D) in S) <= exp(epsilon) P(M(D') in S):
epsilon-differential privacy [1] with the visit as its unit. A visit is one track of one camera, for as long as it is
counted in one go: at most 24 hours, and not beyond a restart or a change of the camera's lines and zones.

**Sketch of the proof.**

1. *What a visit adds.* `contributions.Visit` keeps, with the track, what the visit has added to each measure m and
   stops it at the bound in `measures.MEASURES`: once a line and direction, once a zone, so many seconds a zone. Where
   vehicles are counted by label too, that is a measure of its own: each crossing that counts adds one to the label
   that the track has at that moment, so a visit adds at most two a line, one each way, whatever it is called. The
   bound is on the visit's whole life, not on a bucket, and a visit is of one kind. So over all buckets, places, kinds
   and directions together the numbers of m differ between D and D' by at most `Measure.sensitivity` = s_m in the L1
   norm. What a visit adds is a whole number in each bucket, so nothing is rounded afterwards.
2. *Noise.* Each number of m gets discrete Laplace noise of scale s_m / (epsilon w_m), drawn once, independent of all
   else. On vectors of integers whose L1 distance is at most s_m that is (epsilon w_m)-differentially private [1, 2],
   for all buckets together: a visit that spans buckets has only the same s_m to spend. `noise.add_noise` asks OpenDP
   to confirm it for each measure at each release.
3. *Composition.* The shares w_m of a camera's measures add up to 1 (`measures.budget_shares`), so all measures
   together are epsilon-differentially private by basic composition. What a camera does not measure has no share: counts
   by label and the heat map are off unless asked for, and then the other measures have less, so more noise.
4. *What is there at all* does not depend on visits: a bucket is stored when the camera sent pictures in it, with
   every cell of the camera's layout, zeros too. Maxima are not released. `observed_seconds` is about the camera.
5. *Afterwards* nothing exact is looked at again; sums, means, clamping for display and intervals only use what is
   stored.

A bucket that a restart or a change of lines cuts, or that a clock set back opens again, may be released in parts.
That is within the proof: visits do not live across a restart or a change, and each part has other contributions and
noise of its own, as if buckets were shorter. A crash does not cut a bucket (`services/open_buckets.py`).

**What is not covered.**

- A person whose track breaks is two visits, and so is one who is in view when lines are changed; one seen by three
  cameras is three, one who comes daily is a visit each day: the losses add up, to n epsilon for n visits. Groups who
  come together are protected less, in the same way.
- Visits are taken as given. That one person hides another from the detector, or makes two tracks swap, is not
  modelled.
- The numbers of the open bucket, and how many are in the store and in a queue now, are exact in memory, in the copy in
  `/run` and on the page, as at the door itself. They are never stored in the database.
- What is told besides counts comes from exact numbers. While somebody checks the count, the page shows exactly how many
  came in since the check began (`entered` of the engine's status, for which the web program asks), and the check
  keeps, to the hundredth, how far those ten minutes' count was off. An alert says that a limit was reached, and when,
  on the page, at its destination and in the audit log. Whoever may set alerts could set their limits so that a single
  visit shows. Each change of them is in the audit log.
- Who may write the settings file (on a server root alone) may choose another mode, or `off` with a reason.
- Time spent computing the noise is not constant.
- The bounds cost accuracy: who passes a line to and fro is counted once each way, and who stays in a zone for longer
  than the bound counts for the bound.

[1] Dwork, McSherry, Nissim, Smith: Calibrating noise to sensitivity in private data analysis, TCC 2006.
[2] Ghosh, Roughgarden, Sundararajan: Universally utility-maximizing privacy mechanisms, STOC 2009.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from appliance.metrics.buckets import Bucket, Measurement
from appliance.metrics.measures import MEASURES, Layout, Measure, budget_shares, noise_scales
from appliance.metrics.uncertainty import variance_of_noise

# A finer bucket could single out one visit.
SHORTEST_BUCKET_SECONDS = 300

Mode = Literal["differential", "threshold", "off"]
AddNoise = Callable[[Sequence[int], float, int, float], list[int]]
"""Values, scale, sensitivity, epsilon to noisy values; `metrics.noise.add_noise`."""


class ReleaseError(ValueError):
    """A bucket that is too fine, or whose edges lie off the clock's grid, so that it could be cut around one visit."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a site's numbers are made anonymous. `epsilon` counts in the mode `differential` alone."""

    mode: Mode = "differential"
    epsilon: float = 2.0

    @property
    def bounded(self) -> bool:
        """Whether the counter must bound what each visit adds."""
        return self.mode == "differential"


@dataclass(frozen=True, slots=True)
class Released:
    """What may be stored of a bucket, or of a part of it. `variance` of the noise by measure; absent is exact."""

    bucket: Bucket
    policy: Policy
    variances: dict[str, float]


def release(bucket: Bucket, layout: Layout, policy: Policy, add_noise: AddNoise) -> Released:
    """The part of a closed bucket that may be stored, with the noise that the policy wants.

    Raises `ReleaseError` for a bucket shorter than `SHORTEST_BUCKET_SECONDS` or not aligned to the UTC clock. Call it
    once for each bucket, and keep what it gives: another call draws other noise.
    """
    check(bucket)
    if policy.mode != "differential":
        return Released(permitted(bucket, layout), policy, {})
    scales = noise_scales(layout, policy.epsilon)
    counted = {each.key[1:]: each.value for each in bucket.measurements if each.camera == bucket.camera}
    measurements: list[Measurement] = []
    for name, share in budget_shares(layout).items():
        measure = MEASURES[name]
        cells = list(measure.cells(name, layout))
        values = [round(counted.get(cell, 0.0)) for cell in cells]
        noisy = add_noise(values, scales[name], measure.sensitivity(layout), policy.epsilon * share)
        measurements.extend(
            Measurement(bucket.camera, *cell, float(value)) for cell, value in zip(cells, noisy, strict=True)
        )
    measurements.extend(each for each in permitted(bucket, layout).measurements if MEASURES[each.measure].about_camera)
    variances = {name: variance_of_noise(scale) for name, scale in scales.items()}
    return Released(Bucket(bucket.camera, bucket.start, bucket.seconds, tuple(measurements)), policy, variances)


def permitted(bucket: Bucket, layout: Layout) -> Bucket:
    """The numbers of cells that the layout has, unchanged; whatever else there is goes."""
    cells = {cell for name, measure in MEASURES.items() for cell in measure.cells(name, layout)}
    kept = tuple(
        each
        for each in bucket.measurements
        if each.camera == bucket.camera and each.key[1:] in cells and _sound(MEASURES[each.measure], each.value)
    )
    return Bucket(bucket.camera, bucket.start, bucket.seconds, kept)


def check(bucket: Bucket) -> None:
    """Raise `ReleaseError` for a bucket that may not be stored at all."""
    if bucket.seconds < SHORTEST_BUCKET_SECONDS:
        raise ReleaseError(f"a bucket of {bucket.seconds} s is too fine to be stored")
    if bucket.start.timestamp() % bucket.seconds:
        raise ReleaseError(f"the bucket from {bucket.start.isoformat()} is not aligned to the clock")


def _sound(measure: Measure, value: float) -> bool:
    return math.isfinite(value) and value >= 0 and (not measure.whole_number or float(value).is_integer())
