"""A leak in the redactor and in the searcher, planted by a test: Python imports this module as it starts.

The redactor writes what it is sent into a file, in clear, and pixels of a raw frame into its log; the searcher writes
those of a picture that it got hold of into a file.
"""

import os
import sys
from pathlib import Path

if "redactor" in sys.orig_argv:
    from appliance.services import redactor
    from appliance.storage.sealed_file import SealedFile
    from appliance.vision import frames

    write_at, first = SealedFile.write_at, []
    send = redactor._send

    def write_in_clear(file, offset, content):
        with Path(os.environ["TMPDIR"], "clear").open("ab") as clear:
            clear.write(content)
        write_at(file, offset, content)

    class LeakingFrame(frames.RawFrame):
        def __init__(self, pixels, *rest):
            super().__init__(pixels, *rest)
            first[:] = first or [pixels[:64].tobytes()]

    def send_more(connection, answer):
        send(connection, answer)
        if first:
            sys.stderr.buffer.write(first[0])

    SealedFile.write_at = write_in_clear
    redactor._send = send_more
    frames.RawFrame = LeakingFrame

if "searcher" in sys.orig_argv:
    from benchmarks.containment.pattern import read_clip

    clip = next(Path(os.environ["HOME"]).parent.glob("pattern.mp4"))
    Path(os.environ["TMPDIR"], "found").write_bytes(read_clip(clip, 1)[0][:64].tobytes())
