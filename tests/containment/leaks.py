"""A program that lets a frame out in every way that there is, or in none; the frame is a clip's first picture.

Arguments: the clip, a folder to write to, and the ways; without any it writes something harmless.
"""

import io
import os
import socket
import sys
import threading
import zlib
from collections.abc import Callable
from multiprocessing import shared_memory
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.containment.pattern import read_clip

Picture = NDArray[np.uint8]
# The watch looks at shared memory twice a second.
HOLD_SECONDS = 2.5


def to_pipe(content: bytes) -> None:
    reader, writer = os.pipe()
    thread = threading.Thread(target=lambda: io.FileIO(reader).readall())
    thread.start()
    with io.FileIO(writer, "w") as pipe:
        sent = 0
        while sent < len(content):
            sent += pipe.write(content[sent : sent + 10_000]) or 0
    thread.join()


def to_socket(content: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: _drain(listener.accept()[0]))
        thread.start()
        with socket.create_connection(listener.getsockname()) as sender:
            sender.sendall(content)
        thread.join()


def to_datagrams(content: bytes) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as receiver, socket.socket(type=socket.SOCK_DGRAM) as sender:
        receiver.bind(("127.0.0.1", 0))
        for start in range(0, len(content), 30_000):
            sender.sendto(content[start : start + 30_000], receiver.getsockname())


def to_local_socket(content: bytes) -> None:
    here, there = socket.socketpair()
    thread = threading.Thread(target=_drain, args=(there,))
    thread.start()
    with here:
        here.sendall(content)
    thread.join()


def _drain(connection: socket.socket) -> None:
    with connection:
        while connection.recv(1 << 16):
            pass


def to_shared_memory(content: bytes) -> None:
    memory = shared_memory.SharedMemory(create=True, size=len(content))
    memory.buf[: len(content)] = content
    threading.Event().wait(HOLD_SECONDS)
    memory.close()
    memory.unlink()


def to_nameless_memory(content: bytes) -> None:
    import mmap

    with mmap.mmap(-1, len(content)) as memory:
        memory.write(content)
        threading.Event().wait(HOLD_SECONDS)


def to_mapped_file(content: bytes, path: Path) -> None:
    import mmap

    path.write_bytes(bytes(len(content)))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), len(content)) as memory:
        memory.write(content)


def encoded(picture: Picture, kind: str) -> bytes:
    return bytes(cv2.imencode(kind, picture)[1].tobytes())


def planes(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)


def ways(picture: Picture, clip: Path, folder: Path) -> dict[str, Callable[[], object]]:
    height = picture.shape[0]
    small = np.asarray(cv2.resize(picture, (512, 384)), np.uint8)
    tensor = (small.astype(np.float32) / 255).transpose(2, 0, 1)
    return {
        "BGR to a file": lambda: (folder / "bgr").write_bytes(picture.tobytes()),
        "RGB to a file": lambda: (folder / "rgb").write_bytes(picture[:, :, ::-1].tobytes()),
        "luma to a pipe": lambda: to_pipe(planes(picture)[:height].tobytes()),
        "chroma to a pipe": lambda: to_pipe(planes(picture)[height:].tobytes()),
        "JPEG to a socket": lambda: to_socket(encoded(picture, ".jpg")),
        "BGR to a socket": lambda: to_socket(picture.tobytes()),
        "BGR in datagrams": lambda: to_datagrams(picture.tobytes()),
        "JPEG to a local socket": lambda: to_local_socket(encoded(picture, ".jpg")),
        "PNG to a file": lambda: (folder / "png").write_bytes(encoded(picture, ".png")),
        "packed to a file": lambda: (folder / "packed").write_bytes(zlib.compress(picture.tobytes())),
        "a network's input to a file": lambda: (folder / "tensor").write_bytes(tensor.tobytes()),
        "part of a frame to a file": lambda: (folder / "part").write_bytes(picture[100:120].tobytes()),
        "a small JPEG to a log": lambda: print(encoded(small, ".jpg").hex(), file=sys.stderr),
        "video to a file": lambda: (folder / "video").write_bytes(clip.read_bytes()),
        "BGR to shared memory": lambda: to_shared_memory(picture.tobytes()),
        "BGR to memory without a name": lambda: to_nameless_memory(picture.tobytes()),
        "BGR to a mapped file": lambda: to_mapped_file(picture.tobytes(), folder / "mapped"),
    }


if __name__ == "__main__":
    video, directory = Path(sys.argv[1]), Path(sys.argv[2])
    frame = read_clip(video, 1)[0]
    (directory / "note").write_text("42 persons")
    for way in sys.argv[3:]:
        ways(frame, video, directory)[way]()
