"""What deface covers, by its own code; run by the Python of deface's own environment.

    python deface_boxes.py EVERY VIDEO        boxes of every EVERY-th frame
    python deface_boxes.py 1 IMAGE...         boxes of each image

Prints a JSON array: for each picture an array of boxes (x1, y1, x2, y2), which `deface` covers by default.
"""

import json
import sys
from collections.abc import Iterator

import imageio.v2
from deface.centerface import CenterFace
from deface.deface import scale_bb

THRESHOLD = 0.2
MASK_SCALE = 1.3


def pictures(every: int, paths: list[str]) -> Iterator[object]:
    if paths[0].endswith((".avi", ".mp4")):
        yield from (frame for number, frame in enumerate(imageio.v2.get_reader(paths[0])) if number % every == 0)
    else:
        yield from (imageio.v2.imread(path)[:, :, :3] for path in paths)


def main() -> None:
    network = CenterFace(backend="onnxrt", override_execution_provider="CPUExecutionProvider")
    found = []
    for picture in pictures(int(sys.argv[1]), sys.argv[2:]):
        boxes, _ = network(picture, threshold=THRESHOLD)
        found.append([[int(edge) for edge in scale_bb(*box[:4].astype(int), MASK_SCALE)] for box in boxes])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
