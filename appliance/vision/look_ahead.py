"""Frames of a recording held back until what comes after them is known.

Not every frame is shown to the networks. Frames that were passed over get the regions of the analysed frames before and
after them, and for each tracked person the whole way between the two. What is seen for the first time is carried back
as well. Where something moves that no track follows (a vehicle's plate, a face without a person), the frames since the
last look are looked at after all.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from appliance.metrics.geometry import Box
from appliance.vision.covering import Covering
from appliance.vision.frames import RawFrame
from appliance.vision.redaction import Findings, LookKind, Redactor, explain
from appliance.vision.regions import PERSON_GROWTH, Region, around, grown, head_within, is_among

NOTHING = Findings(())


@dataclass
class Waiting:
    """A frame whose regions may still grow; `reason` is set where it is to be covered whole.

    `people` are the tracked persons' boxes by track number, `vehicles` the boxes to look at closely.
    """

    frame: RawFrame
    findings: Findings = NOTHING
    reason: str = ""
    people: Mapping[int, Box] = field(default_factory=dict)
    vehicles: tuple[Box, ...] = ()

    def add(self, regions: tuple[Region, ...]) -> None:
        self.findings = replace(self.findings, regions=self.findings.regions + regions)


class LookAhead:
    """Takes analysed frames with those passed over before them; gives frames back in their order."""

    def __init__(self, redactor: Redactor, covering: Covering, seconds: float, most_frames: int) -> None:
        self._redactor = redactor
        self._covering = covering
        self._seconds = seconds
        self._most_frames = most_frames
        self._waiting: deque[Waiting] = deque()
        self._last: Waiting | None = None
        self._moving: frozenset[LookKind] = frozenset()

    def push(self, passed_over: list[RawFrame], newest: Waiting) -> Iterator[Waiting]:
        """Take an analysed frame; gives back those that have waited long enough."""
        before, self._last = self._last, newest
        if before is not None:
            self._carry_back(before, newest)
            self._waiting += [self._between(before, newest, frame) for frame in passed_over]
        self._waiting.append(newest)
        for kind in newest.findings.looked:
            # What moved when it was last looked for has gone on moving since, even if it is not there any more.
            if kind in newest.findings.moving | self._moving:
                self._look_again(kind, newest)
        self._moving = (self._moving - newest.findings.looked) | newest.findings.moving
        yield from self._ready(newest.frame.monotonic)

    def rest(self) -> Iterator[Waiting]:
        while self._waiting:
            yield self._waiting.popleft()

    def _ready(self, now: float) -> Iterator[Waiting]:
        while len(self._waiting) > self._most_frames or now - self._waiting[0].frame.monotonic > self._seconds:
            yield self._waiting.popleft()

    def _carry_back(self, before: Waiting, newest: Waiting) -> None:
        known = before.findings.regions
        news = [each for each in newest.findings.regions if each.source != "held" and not is_among(each, known)]
        carried = tuple(replace(region, source="ahead") for region in news)
        for waiting in self._waiting:
            if _alike(waiting.frame, newest.frame):
                waiting.add(carried)

    def _between(self, before: Waiting, after: Waiting, frame: RawFrame) -> Waiting:
        """A frame that was passed over. Where one of its neighbours is covered whole, so is it."""
        if reason := before.reason or after.reason:
            return Waiting(frame, reason=reason)
        ways: list[Region] = []
        for number in before.people.keys() & after.people.keys():
            first, last = before.people[number], after.people[number]
            ways.append(Region("head", "track", around(head_within(first), head_within(last))))
            if "persons" in self._covering.kinds:
                ways.append(Region("person", "track", grown(around(first, last), PERSON_GROWTH)))
        own = [replace(region, source="held") for region in before.findings.regions]
        own += [replace(region, source="ahead") for region in after.findings.regions if region.source != "held"]
        regions = (*own, *(self._covering.sized(way) for way in ways))
        vehicles = (*before.vehicles, *after.vehicles)
        return Waiting(frame, Findings(regions), vehicles=vehicles)

    def _look_again(self, kind: LookKind, newest: Waiting) -> None:
        """Show the network the frames since its last look that it was not shown."""
        for waiting in reversed(list(self._waiting)[:-1]):
            if kind in waiting.findings.looked or not _alike(waiting.frame, newest.frame):
                return
            if waiting.reason:
                continue
            try:
                found = self._redactor.look_again(waiting.frame, kind, waiting.vehicles)
            except Exception as error:
                waiting.reason = explain(error)
                continue
            looked = waiting.findings.looked | {kind}
            waiting.findings = Findings((*waiting.findings.regions, *found), looked)


def _alike(first: RawFrame, second: RawFrame) -> bool:
    """Whether boxes of one frame mean the same in the other."""
    return first.pixels.shape == second.pixels.shape
