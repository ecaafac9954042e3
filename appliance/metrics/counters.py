"""Tracks to crossings, visits, occupancy and dwell.

The counter knows nothing of detectors or trackers: hand-made ground truth goes through it unchanged. Time is passed in
and only differences matter, so dropped frames shorten nothing.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from appliance.metrics.contributions import Visit
from appliance.metrics.floor import DWELL_BINS, HEAT_CELLS, VEHICLE_LABELS, dwell_bin, flow, flows, heat_cell, labelled
from appliance.metrics.geometry import (
    Box,
    Line,
    Point,
    Zone,
    check_names,
    distance_to_outline,
    distance_to_segment,
    inside,
    passes_through,
    side,
    to_pixels,
)

Direction = Literal["in", "out"]

COUNTED_KINDS = ("person", "vehicle")
DIRECTIONS: tuple[Direction, Direction] = ("in", "out")

# How far from a line or outline an anchor is clear of it, as a part of the box's size. A detector's lower edge
# jitters by a few hundredths of the box; a quarter is several times that, and less than one walking step.
CLEARANCE = 0.25
# A passage counts when the anchor is so far beyond the line, as a part of the box's size: more than the jitter of who
# walks along the line, far less than a step.
DEPTH = 0.1
# A track that isn't seen for this long is forgotten; longer than a tracker keeps a lost track.
FORGET_SECONDS = 10.0
# Somebody hidden for a moment is still in the zone; after this long unseen, the moment's occupancy leaves them out.
OCCUPANCY_GRACE_SECONDS = 1.0
# Who was last seen barely beyond a line, and is not seen again for so long, has crossed it: nobody turned back there.
SETTLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Observation:
    """A confirmed track seen in this frame; `box` in pixels of the frame.

    `first_box` is where the track was before it was confirmed: what it passed since then counts when it is first seen.
    """

    track: int
    kind: str
    label: str
    box: Box
    first_box: Box | None = None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A track passed a line. `track` is for the moment only; it is never stored."""

    time_seconds: float
    line: str
    track: int
    kind: str
    direction: Direction


@dataclass(frozen=True)
class Totals:
    """Everything counted since the counter was made; every key of every line, zone and kind is there from the start.

    `occupancy` is the number inside now, `occupancy_maximum` the largest such number so far, `occupancy_seconds` the
    integral of occupancy over time. Dwell is of visits that have ended: mean = `dwell_seconds` / `visits_ended`, and
    `dwell` counts them by `floor.DWELL_BINS`. `flows` are moves of persons by `floor.flow`, `heat_seconds` the time
    that persons stood in each of `floor.HEAT_CELLS`; without a heat map it is empty. `crossings_by_label` are the
    vehicles' crossings by line, `floor.VEHICLE_LABELS` and direction; empty where labels are not asked for.
    """

    crossings: Mapping[tuple[str, str, Direction], int]
    visits: Mapping[tuple[str, str], int]
    occupancy: Mapping[tuple[str, str], int]
    occupancy_maximum: Mapping[tuple[str, str], int]
    occupancy_seconds: Mapping[tuple[str, str], float]
    visits_ended: Mapping[tuple[str, str], int]
    dwell_seconds: Mapping[tuple[str, str], float]
    dwell: Mapping[tuple[str, str, str], int]
    flows: Mapping[str, int]
    heat_seconds: Mapping[str, float]
    crossings_by_label: Mapping[tuple[str, str, Direction], int] = field(default_factory=dict)


@dataclass(slots=True)
class _AtLine:
    """One track at one line. `sign` is the side it was last seen on, 0 before it was seen off the line."""

    sign: int = 0
    # Has been clear of the line since it was last counted (or since it appeared).
    settled: bool = False
    counted: int = 0
    # A passage that does not count yet.
    pending: int = 0

    def step(self, before: Point, after: Point, start: Point, end: Point, reach: float) -> int:
        """Move the anchor (pixels) and return what to count now: 1 in, -1 out, 0 nothing.

        `reach` is the distance from the segment at which the anchor is clear of it.
        """
        z = side(after, start, end)
        sign = (z > 0.0) - (z < 0.0)
        if sign and self.sign and sign != self.sign and passes_through(before, after, start, end):
            if self.pending == -sign:
                # Back through the line before the first passage counted: neither was one.
                self.pending = 0
            elif self.settled or self.counted != sign:
                self.pending = sign
        self.sign = sign or self.sign
        distance = distance_to_segment(after, start, end)
        if self.pending and distance > (DEPTH / CLEARANCE) * reach and (self.settled or distance > reach):
            return self.settle(distance > reach)
        self.settled = self.settled or distance > reach
        return 0

    def settle(self, clear: bool = False) -> int:
        """Count the passage that waits, if one does."""
        self.counted, self.pending, self.settled = self.pending, 0, clear
        return self.counted


@dataclass(slots=True)
class _InZone:
    """One track at one zone: since when it is inside, or None."""

    entered: float | None = None


@dataclass(slots=True)
class _TrackState:
    kind: str
    label: str
    seen: float
    visit: Visit
    anchor: Point  # normalised, so that a camera may change its resolution
    lines: list[_AtLine]
    zones: list[_InZone]
    last_zone: str = ""


@dataclass
class Counter:
    """Counts tracks at lines and in zones; one counter a camera.

    The anchor is the bottom centre of the box. From z < 0 to z > 0 through the segment is `in`, the other way `out`
    (`geometry.side`). Between two sightings the anchor is taken to move straight. A passage counts when the anchor is
    `DEPTH` of the box's size beyond the line, or when the track is lost before; one that is undone sooner does not. The
    same track counts at that line again only when it has been clear of it: farther from the segment than `CLEARANCE` of
    the box's size. A track that turns back sooner is counted back when it is clear.

    A track enters a zone when its anchor is inside, and leaves when it is outside and clear of the outline.
    Who stands in one of the `ignored` regions is not looked at. With `overhead` the anchor is the middle of the box:
    seen from above, nobody's feet are at its lower edge. Kinds other than `COUNTED_KINDS` are not counted. With
    `labels` the vehicles' crossings are counted by label too: the one that the track has when its passage counts. With
    `bounded` each track adds no more than one visit may (`metrics/measures.py`), which the noise of the mode
    `differential` needs; without, every count is exact.
    Raises `GeometryError` where two lines or zones share a name.
    """

    lines: Sequence[Line]
    zones: Sequence[Zone]
    forget_seconds: float = FORGET_SECONDS
    bounded: bool = False
    heat: bool = False
    ignored: Sequence[Zone] = ()
    overhead: bool = False
    labels: bool = False
    _tracks: dict[int, _TrackState] = field(default_factory=dict, init=False, repr=False)
    _crossings: dict[tuple[str, str, Direction], int] = field(init=False, repr=False)
    _crossings_by_label: dict[tuple[str, str, Direction], int] = field(init=False, repr=False)
    _visits: dict[tuple[str, str], int] = field(init=False, repr=False)
    _occupancy: dict[tuple[str, str], int] = field(init=False, repr=False)
    _occupancy_maximum: dict[tuple[str, str], int] = field(init=False, repr=False)
    _occupancy_seconds: dict[tuple[str, str], float] = field(init=False, repr=False)
    _visits_ended: dict[tuple[str, str], int] = field(init=False, repr=False)
    _dwell_seconds: dict[tuple[str, str], float] = field(init=False, repr=False)
    _dwell: dict[tuple[str, str, str], int] = field(init=False, repr=False)
    _flows: dict[str, int] = field(init=False, repr=False)
    _heat_seconds: dict[str, float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_names(self.lines, self.zones)
        line_names = [line.name for line in self.lines]
        places = list(itertools.product((zone.name for zone in self.zones), COUNTED_KINDS))
        self._crossings = dict.fromkeys(itertools.product(line_names, COUNTED_KINDS, DIRECTIONS), 0)
        labels = VEHICLE_LABELS if self.labels else ()
        self._crossings_by_label = dict.fromkeys(itertools.product(line_names, labels, DIRECTIONS), 0)
        self._visits = dict.fromkeys(places, 0)
        self._occupancy = dict.fromkeys(places, 0)
        self._occupancy_maximum = dict.fromkeys(places, 0)
        self._occupancy_seconds = dict.fromkeys(places, 0.0)
        self._visits_ended = dict.fromkeys(places, 0)
        self._dwell_seconds = dict.fromkeys(places, 0.0)
        zones = [zone.name for zone in self.zones]
        self._dwell = dict.fromkeys(itertools.product(zones, COUNTED_KINDS, DWELL_BINS), 0)
        self._flows = dict.fromkeys(flows(zones), 0)
        self._heat_seconds = dict.fromkeys(HEAT_CELLS if self.heat else (), 0.0)

    def update(
        self, time_seconds: float, observations: Iterable[Observation], frame_width: int, frame_height: int
    ) -> tuple[Crossing, ...]:
        """Take the tracks of one frame and return who crossed a line.

        `time_seconds` is monotonic. Call it for every frame, also for one without a track.
        """
        crossings = self._settle(time_seconds)
        self._forget(time_seconds)
        for observation in observations:
            if observation.kind in COUNTED_KINDS and not self._ignores(observation, frame_width, frame_height):
                crossings.extend(self._observe(time_seconds, observation, frame_width, frame_height))
        self._measure_occupancy(time_seconds)
        return tuple(crossings)

    def finish(self) -> None:
        """End every visit at its last sighting, and count who is barely beyond a line, for the end of a recording."""
        self._settle(float("inf"))
        self._forget(float("inf"))

    def totals(self) -> Totals:
        """A copy of all totals."""
        return Totals(
            crossings=dict(self._crossings),
            visits=dict(self._visits),
            occupancy=dict(self._occupancy),
            occupancy_maximum=dict(self._occupancy_maximum),
            occupancy_seconds=dict(self._occupancy_seconds),
            visits_ended=dict(self._visits_ended),
            dwell_seconds=dict(self._dwell_seconds),
            dwell=dict(self._dwell),
            flows=dict(self._flows),
            heat_seconds=dict(self._heat_seconds),
            crossings_by_label=dict(self._crossings_by_label),
        )

    def waits(self) -> dict[str, list[float]]:
        """For how long, in seconds, each person in each zone has been there; of those seen in the last moment."""
        found: dict[str, list[float]] = {zone.name: [] for zone in self.zones}
        newest = max((state.seen for state in self._tracks.values()), default=0.0)
        for state in self._tracks.values():
            if state.kind == "person" and newest - state.seen <= OCCUPANCY_GRACE_SECONDS:
                for zone, in_zone in zip(self.zones, state.zones, strict=True):
                    if in_zone.entered is not None:
                        found[zone.name].append(state.seen - in_zone.entered)
        return found

    @property
    def tracks_remembered(self) -> int:
        """How many tracks have a state; it must not grow with time."""
        return len(self._tracks)

    def _observe(self, time_seconds: float, observation: Observation, width: int, height: int) -> list[Crossing]:
        anchor = self._anchor(observation.box)
        state = self._tracks.get(observation.track)
        if state is None:
            state = self._begin(time_seconds, observation, width, height)
            self._tracks[observation.track] = state
        state.visit.at(time_seconds)
        state.label = observation.label
        margin = CLEARANCE * observation.box.size
        crossings = []
        before = to_pixels(state.anchor, width, height)
        for line, at_line in zip(self.lines, state.lines, strict=True):
            start, end = to_pixels(line.start, width, height), to_pixels(line.end, width, height)
            counted = at_line.step(before, anchor, start, end, margin)
            if counted:
                crossings.append(self._count(time_seconds, line.name, observation.track, state, counted))
        elapsed = max(0.0, time_seconds - state.seen)
        # A box cut off by the frame's edge stands on that edge, and a zone drawn up to the edge includes it.
        standing = Point(min(max(anchor.x, 0.0), width), min(max(anchor.y, 0.0), height))
        for zone, in_zone in zip(self.zones, state.zones, strict=True):
            outline = [to_pixels(point, width, height) for point in zone.points]
            self._visit(zone.name, state, in_zone, time_seconds, elapsed, standing, outline, margin)
        if self.heat and state.kind == "person" and elapsed:
            cell = heat_cell(standing.x / width, standing.y / height)
            self._heat_seconds[cell] += state.visit.take("heat_seconds", cell, "", elapsed)
        state.anchor = Point(anchor.x / width, anchor.y / height)
        state.seen = max(state.seen, time_seconds)
        return crossings

    def _anchor(self, box: Box) -> Point:
        return box.centre if self.overhead else box.anchor

    def _ignores(self, observation: Observation, width: int, height: int) -> bool:
        anchor = self._anchor(observation.box)
        place = Point(min(max(anchor.x / width, 0.0), 1.0), min(max(anchor.y / height, 0.0), 1.0))
        return any(
            inside(place, zone.points) or distance_to_outline(place, zone.points) == 0.0 for zone in self.ignored
        )

    def _count(self, time_seconds: float, line: str, track: int, state: _TrackState, sign: int) -> Crossing:
        direction: Direction = "in" if sign > 0 else "out"
        amount = int(state.visit.take("crossings", line, direction))
        self._crossings[line, state.kind, direction] += amount
        key = (line, state.label, direction)
        if amount and state.kind == "vehicle" and key in self._crossings_by_label:
            way = labelled(state.label, direction)
            self._crossings_by_label[key] += int(state.visit.take("crossings_by_label", line, way))
        return Crossing(time_seconds, line, track, state.kind, direction)

    def _settle(self, time_seconds: float) -> list[Crossing]:
        """Count the passages of tracks that were lost barely beyond a line."""
        return [
            self._count(time_seconds, line.name, number, state, at_line.settle())
            for number, state in self._tracks.items()
            if time_seconds - state.seen > SETTLE_SECONDS
            for line, at_line in zip(self.lines, state.lines, strict=True)
            if at_line.pending
        ]

    def _begin(self, time_seconds: float, observation: Observation, width: int, height: int) -> _TrackState:
        """The state of a new track as it was where it was seen first."""
        first = observation.first_box or observation.box
        anchor = self._anchor(first)
        state = _TrackState(
            kind=observation.kind,
            label=observation.label,
            seen=time_seconds,
            visit=Visit(self.bounded, time_seconds),
            anchor=Point(anchor.x / width, anchor.y / height),
            lines=[_AtLine() for _ in self.lines],
            zones=[_InZone() for _ in self.zones],
        )
        for line, at_line in zip(self.lines, state.lines, strict=True):
            start, end = to_pixels(line.start, width, height), to_pixels(line.end, width, height)
            at_line.step(anchor, anchor, start, end, CLEARANCE * first.size)
        return state

    def _visit(
        self,
        zone: str,
        state: _TrackState,
        in_zone: _InZone,
        time_seconds: float,
        elapsed: float,
        anchor: Point,
        outline: list[Point],
        margin: float,
    ) -> None:
        place = zone, state.kind
        if in_zone.entered is not None:
            self._occupancy_seconds[place] += state.visit.take("occupancy_seconds", zone, "", elapsed)
        distance = distance_to_outline(anchor, outline)
        if distance == 0.0 or inside(anchor, outline):
            if in_zone.entered is None:
                in_zone.entered = time_seconds
                self._visits[place] += int(state.visit.take("visits", zone, ""))
                self._move(state, zone)
        elif in_zone.entered is not None and distance > margin:
            self._end_visit(zone, state, in_zone, time_seconds)

    def _move(self, state: _TrackState, zone: str) -> None:
        """A track has entered a zone: from another it was in before, that is a flow."""
        if state.last_zone not in ("", zone) and state.kind == "person":
            place = flow(state.last_zone, zone)
            self._flows[place] += int(state.visit.take("flows", place, ""))
        state.last_zone = zone

    def _end_visit(self, zone: str, state: _TrackState, in_zone: _InZone, time_seconds: float) -> None:
        if in_zone.entered is None:
            return
        place, seconds = (zone, state.kind), max(0.0, time_seconds - in_zone.entered)
        self._visits_ended[place] += 1
        self._dwell_seconds[place] += seconds
        name = dwell_bin(seconds)
        self._dwell[(*place, name)] += int(state.visit.take("dwell", zone, name))
        in_zone.entered = None

    def _forget(self, time_seconds: float) -> None:
        gone = [number for number, state in self._tracks.items() if time_seconds - state.seen > self.forget_seconds]
        for number in gone:
            state = self._tracks.pop(number)
            for zone, in_zone in zip(self.zones, state.zones, strict=True):
                self._end_visit(zone.name, state, in_zone, state.seen)

    def _measure_occupancy(self, time_seconds: float) -> None:
        for place in self._occupancy:
            self._occupancy[place] = 0
        for state in self._tracks.values():
            if time_seconds - state.seen > OCCUPANCY_GRACE_SECONDS:
                continue
            for zone, in_zone in zip(self.zones, state.zones, strict=True):
                if in_zone.entered is not None:
                    self._occupancy[zone.name, state.kind] += 1
        for place, occupancy in self._occupancy.items():
            self._occupancy_maximum[place] = max(self._occupancy_maximum[place], occupancy)
