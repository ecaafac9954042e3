"""Raw frame and detections in, redacted frame out; where anything is unsure, the whole frame is covered.

What is covered in a frame is the union of

1. faces that the face detector sees in this very frame;
2. the head region of every person that was detected or is being tracked, whether or not a face was seen;
3. text, which is what a number plate is to a detector that knows no country's plates. It is looked for in the whole
   picture and again, enlarged, around each vehicle;
4. faces and text of the last second, and heads of the last half second, that this frame does not show again, so that
   a single miss uncovers nobody.

When text is looked for is told in `plates`: whenever a vehicle, even a doubtful one, is new or has moved, each half
second while anything but the people changes, and each two seconds in any case. So in the live view a plate that no
vehicle is seen around may show for half a second; in a recording, regions are carried back over that time (see
`look_ahead`). Faces are looked for in every frame of a camera; in a recording each half second wherever the picture has
changed, each two seconds in all of it (`face_schedule`), and in further frames as `Findings.moving` says.

The frame is covered whole when a network is missing, fails, is late or answers nonsense, when a result belongs to
another frame, when the frame is damaged or the first of a new size, and when the redactor itself fails. How regions are
covered, and what is left beneath a cover, is told in `covers`.
"""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import cv2
import numpy as np

from appliance.errors import VeilsightError
from appliance.metrics.geometry import Box
from appliance.vision.covering import Covering
from appliance.vision.covers import draw_noise, paint
from appliance.vision.detections import Detection, Track
from appliance.vision.face_schedule import BegunLook, FaceSchedule
from appliance.vision.faces import VIDEO_SHRINK
from appliance.vision.frames import SEAL, Pixels, RawFrame, RedactedFrame
from appliance.vision.inference import PendingDetections
from appliance.vision.plates import (
    TEXT_SECONDS,
    VIDEO_CLOSENESS,
    Closeness,
    TextLook,
    TextSchedule,
    look_closely,
    too_tall,
    vehicle_boxes,
)
from appliance.vision.regions import (
    Memory,
    Region,
    face_regions,
    grown,
    head_regions,
    overlap,
    overlaps,
    person_regions,
    screen_regions,
    text_regions,
)
from appliance.vision.runtime import Detectors
from appliance.vision.stillness import Changes

WHOLE_COLOUR = (56, 44, 36)
HOLD_SECONDS = 1.0
# Shorter in a live view, since people walk and whoever is surely a person is followed by the tracker as well.
HEAD_HOLD_SECONDS = 0.5
# A face away from every head region stands still where it overlaps its earlier place this much.
FACE_STANDS_STILL = 0.6
# For so long it is remembered where such a face was.
FACE_SECONDS = 2.0
# For so long every frame is looked at after something moved that no track follows.
DENSE_SECONDS = 0.5

LookKind = Literal["faces", "text"]

logger = logging.getLogger(__name__)


class RedactionFailed(VeilsightError):
    """A frame can't be redacted surely; it is covered whole, with this message as the reason."""


@dataclass(frozen=True)
class Looking:
    """Networks at work on one frame: None where one is not due. `failure` says what could not be begun."""

    camera: str
    number: int
    faces: BegunLook | None = None
    text: PendingDetections | None = None
    failure: str = ""


@dataclass(frozen=True)
class Findings:
    """The regions to cover in a frame. `looked` are the networks of which these regions have an answer to this very
    frame; `moving` those that see something which moves and which no track follows. Such a thing may be elsewhere in
    frames that the network was not shown."""

    regions: tuple[Region, ...]
    looked: frozenset[LookKind] = frozenset()
    moving: frozenset[LookKind] = frozenset()


@dataclass(frozen=True)
class _Faces:
    """What a look for faces found, what was seen before and holds still, and what had changed in the picture."""

    found: list[Region]
    held: list[Region]
    changes: Changes


class Redactor:
    """Redacts the frames of one camera or recording, in their order.

    `look` begins with a frame, `redact` finishes it; several frames may be begun before the first is finished.
    `deadline_seconds` bounds how long `redact` waits for the networks. A network that finds nothing of what is to be
    covered is not asked, and need not be there. Faces are looked for every `face_seconds`, 0 for each frame; with an
    interval, look back as `Findings.moving` says. A picture that the face network would see shrunk by more than
    `most_shrink` is looked at in windows as well; `closeness` is how large vehicles are shown to the text network. A
    head that is seen no more is covered for `head_hold_seconds`. With `text_behind` no picture waits for the text
    network's look at the whole of it (see `plates`).
    """

    def __init__(
        self,
        detectors: Detectors,
        deadline_seconds: float = 2.0,
        text_seconds: float = TEXT_SECONDS,
        covering: Covering | None = None,
        face_seconds: float = 0.0,
        most_shrink: float = VIDEO_SHRINK,
        head_hold_seconds: float = HEAD_HOLD_SECONDS,
        closeness: Closeness = VIDEO_CLOSENESS,
        text_behind: bool = False,
    ) -> None:
        self._covering = covering or Covering()
        self._noise = draw_noise(self._covering)
        self._want_faces = "faces" in self._covering.kinds
        self._want_text = not self._covering.kinds.isdisjoint({"plates", "text"})
        self._detectors = detectors
        self._deadline_seconds = deadline_seconds
        self._memory = Memory(HOLD_SECONDS)
        self._head_hold_seconds = head_hold_seconds
        self._heads = Memory(head_hold_seconds)
        self._text = TextSchedule(text_seconds, closeness, text_behind)
        self._faces = FaceSchedule(face_seconds, most_shrink)
        self._closeness = closeness
        self._faces_seen: list[tuple[Region, float]] = []
        self._text_seen: list[Region] = []
        self._dense_until = -math.inf
        self._size: tuple[int, int] | None = None

    def look(self, frame: RawFrame) -> Looking:
        """Start the networks on a frame. Never raises: what fails here covers the frame in `redact`."""
        try:
            faces = text = None
            if self._want_faces:
                faces = self._faces.begin(frame, self._detectors.need("faces"), self.dense(frame.monotonic))
            if self._want_text:
                text = self._text.begin(frame, self._detectors.need("text"))
        except Exception as error:
            return Looking(frame.camera, frame.number, failure=explain(error))
        return Looking(frame.camera, frame.number, faces, text)

    def redact(
        self, frame: RawFrame, looking: Looking, objects: Sequence[Detection], tracks: Sequence[Track]
    ) -> RedactedFrame:
        """Cover what has to be covered. `objects` are this frame's persons and vehicles from the lowest score up,
        `tracks` all tracks as of this frame, also those not confirmed and not seen. Never raises.
        """
        try:
            return self.cover(frame, self.find(frame, looking, objects, tracks).regions)
        except Exception as error:
            return cover_whole(frame, explain(error))

    def find(
        self, frame: RawFrame, looking: Looking, objects: Sequence[Detection], tracks: Sequence[Track]
    ) -> Findings:
        """The regions that `redact` covers. Raises where that can't be said surely."""
        if looking.failure:
            raise RedactionFailed(looking.failure)
        if (looking.camera, looking.number) != (frame.camera, frame.number):
            raise RedactionFailed("A result belongs to another picture.")
        self._check(frame)
        _sane(objects)
        _sane(tracks)
        deadline = time.monotonic() + self._deadline_seconds
        look = self._look_at_text(frame, looking.text, objects, tracks)
        faces = self._look_at_faces(frame, looking.faces, deadline)
        seen = [*faces.found, *faces.held] if faces is not None else []
        if look is not None:
            found = text_regions(_read(look, deadline), look.vehicles)
            still = [replace(each, source="held") for each in self._text_seen if not look.answers_for(each.box)]
            self._text_seen = [*found, *still]
            self._text.finish(frame.monotonic, look.looks_everywhere)
            seen += self._text_seen
        elif self._text.still:
            seen += [replace(region, source="held") for region in self._text_seen]
        if "persons" in self._covering.kinds:
            seen += person_regions(objects, tracks)
        if "screens" in self._covering.kinds:
            seen += screen_regions(objects)
        seen = [self._covering.sized(region) for region in seen if not self._covering.shows(region)]
        heads = [self._covering.sized(region) for region in head_regions(objects, tracks)]
        held = self._memory.update(frame.monotonic, seen) + self._heads.update(frame.monotonic, heads)
        moving = self._moving(frame, faces, heads, look)
        if moving:
            self._dense_until = frame.monotonic + DENSE_SECONDS
        looked: dict[LookKind, object] = {"faces": faces, "text": look}
        return Findings(
            (*seen, *heads, *held), frozenset(kind for kind, answer in looked.items() if answer is not None), moving
        )

    def look_again(self, frame: RawFrame, kind: LookKind, vehicles: Sequence[Box]) -> list[Region]:
        """What a network sees in a frame that was passed over, with nothing remembered. Raises as `find` does."""
        deadline = time.monotonic() + self._deadline_seconds
        if kind == "faces":
            begun = self._faces.look_again(frame, self._detectors.need("faces"))
            seen = face_regions(_sane(begun.result(_left(deadline))))
        else:
            detector = self._detectors.need("text")
            whole = detector.start(frame.pixels, frame.camera)
            look = TextLook(whole, look_closely(frame, detector, vehicles, self._closeness), tuple(vehicles))
            seen = text_regions(_read(look, deadline), vehicles)
        return [self._covering.sized(region) for region in seen if not self._covering.shows(region)]

    def dense(self, now: float) -> bool:
        """Whether something moves that only a look at each frame follows."""
        return now <= self._dense_until

    def _look_at_text(
        self,
        frame: RawFrame,
        begun: PendingDetections | None,
        objects: Sequence[Detection],
        tracks: Sequence[Track],
    ) -> TextLook | None:
        if not self._want_text:
            return None
        people = [found.box for found in objects if found.kind == "person"]
        people += [track.box for track in tracks if track.kind == "person"]
        vehicles = vehicle_boxes(objects, tracks)
        return self._text.complete(frame, self._detectors.need("text"), begun, vehicles, people)

    def _look_at_faces(self, frame: RawFrame, begun: BegunLook | None, deadline: float) -> _Faces | None:
        if not self._want_faces:
            return None
        detector, dense = self._detectors.need("faces"), self.dense(frame.monotonic)
        looked = self._faces.complete(frame, detector, begun, dense, _left(deadline))
        if looked is None:
            return None
        found, held, changes = looked
        try:
            _sane(found)
        except RedactionFailed:
            self._faces.forget()
            raise
        still = [replace(region, source="held") for region in face_regions(held)]
        return _Faces(face_regions(found), still, changes)

    def _moving(
        self, frame: RawFrame, faces: _Faces | None, heads: Sequence[Region], look: TextLook | None
    ) -> frozenset[LookKind]:
        """Which networks see something that moves and that no track follows.

        A new face where no pixel has changed since the last look was there before, and the network missed it.
        """
        now = frame.monotonic
        moving: set[LookKind] = {"text"} if look is not None and look.moving else set()
        if faces is not None:
            middles = [grown(face.box, 0.1) for face in faces.found]
            pairs = zip(faces.found, middles, strict=True)
            alone = [face for face, middle in pairs if not any(overlaps(head.box, middle) for head in heads)]
            known = [each for each in self._faces_seen if 0 <= now - each[1] <= FACE_SECONDS]
            changed = [face for face in alone if faces.changes.at(face.box)]
            if any(all(overlap(face.box, old.box) < FACE_STANDS_STILL for old, _ in known) for face in changed):
                moving.add("faces")
            self._faces_seen = known + [(face, now) for face in alone]
        return frozenset(moving)

    def cover(self, frame: RawFrame, regions: Sequence[Region]) -> RedactedFrame:
        """The frame with the regions covered, in a picture of its own."""
        pixels = paint(frame.pixels, regions, self._covering, self._noise)
        return _seal(frame, pixels, "", tuple(regions))

    def _check(self, frame: RawFrame) -> None:
        """Raise for a frame that can't be understood by itself; after a change of size, forget all earlier boxes."""
        before, self._size = self._size, (frame.width, frame.height)
        if before not in (None, self._size):
            self._memory, self._heads = Memory(HOLD_SECONDS), Memory(self._head_hold_seconds)
            self._text.forget()
            self._text_seen = []
            self._faces.forget()
            raise RedactionFailed(f"The picture's size has changed to {frame.width} x {frame.height}.")
        if frame.damaged:
            raise RedactionFailed("The picture is damaged; parts of it are made up.")


def cover_whole(frame: RawFrame, reason: str) -> RedactedFrame:
    """A fresh picture of the frame's size in one colour, with the reason written on it; none of the frame's pixels."""
    reason = reason or "It is not sure what has to be covered."
    pixels = np.full((frame.height, frame.width, 3), WHOLE_COLOUR, np.uint8)
    size = max(0.35, min(0.9, frame.width / 900))
    lines = ["Picture covered", *_wrapped(reason, max(16, int(frame.width / (19 * size))))]
    for number, line in enumerate(lines):
        place = (int(24 * size), int((number + 1.5) * 34 * size))
        cv2.putText(pixels, line, place, cv2.FONT_HERSHEY_SIMPLEX, size, (235, 235, 235), 1, cv2.LINE_AA)
    return _seal(frame, pixels, reason, ())


def _seal(frame: RawFrame, pixels: Pixels, reason: str, regions: tuple[Region, ...]) -> RedactedFrame:
    return RedactedFrame(
        seal=SEAL,
        pixels=pixels,
        camera=frame.camera,
        number=frame.number,
        monotonic=frame.monotonic,
        moment=frame.moment,
        whole_frame=bool(reason),
        reason=reason,
        regions=regions,
    )


def explain(error: Exception) -> str:
    """What the viewer is told. Errors of ours are sentences; others are for the engine's log."""
    if isinstance(error, VeilsightError):
        return str(error)
    logger.exception("a frame could not be redacted and was covered")
    if isinstance(error, MemoryError):
        return "There is not enough memory to redact the picture."
    return f"The redactor failed ({type(error).__name__})."


Found = TypeVar("Found", bound=Sequence[Detection | Track])


def _sane(found: Found) -> Found:
    """The same detections; raises where a number is none, since each comparison with it would be false, and where a box
    is inside out."""
    for each in found:
        if not all(math.isfinite(value) for value in (each.score, *each.box)):
            raise RedactionFailed("A network has given numbers that are not finite.")
        if each.box.x1 > each.box.x2 or each.box.y1 > each.box.y2:
            raise RedactionFailed("A network has given a box that is inside out.")
    return found


def _read(look: TextLook, deadline: float) -> list[Detection]:
    """The text that all looks at a picture have found, in pixels of the picture."""
    texts: list[Detection] = []
    for everywhere in (look.swept, look.whole):
        texts += _sane(everywhere.result(_left(deadline))) if everywhere is not None else ()
    for sheet in look.sheets:
        placed = sheet.placed(_sane(sheet.pending.result(_left(deadline))))
        texts += [text for window, text in placed if not too_tall(window, text, look.vehicles)]
    return texts


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _wrapped(text: str, length: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= length and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
