"""How far NumPy's and OpenCV's linear algebra is off, and which libraries compute it. Prints one JSON object.

Runs within the installed tree, with the appliance's own Python.
"""

import json
from pathlib import Path

import cv2
import numpy as np


def main() -> dict[str, object]:
    random = np.random.default_rng(1)
    square, many = random.normal(size=(40, 40)), random.normal(size=(40, 7)).astype(np.float32)
    both = square + 1j * square.T
    positive = square @ square.T
    values, vectors = np.linalg.eigh(positive)
    left, sizes, right = np.linalg.svd(square)
    one, other = np.linalg.qr(square)
    lower = np.linalg.cholesky(positive)
    pairs = {
        "matrices": (square @ square, (square[:, :, None] * square).sum(axis=1)),
        "single": (many.T @ many, (many.T[:, :, None] * many).sum(axis=1)),
        "vectors": (square[0] @ square[1], np.sum(square[0] * square[1])),
        "matrix by vector": (square @ square[1], (square * square[1]).sum(axis=1)),
        "complex": (np.vdot(both[0], both[1]), np.sum(both[0].conj() * both[1])),
        "inverse": (np.linalg.inv(both) @ both, np.eye(40)),
        "equations": (square @ np.linalg.solve(square, many), many),
        "least squares": (square @ np.linalg.lstsq(square, many, rcond=None)[0], many),
        "eigenvalues": (vectors * values @ vectors.T, positive),
        "all eigenvalues": (np.linalg.eigvals(square).prod().real / np.linalg.det(square), 1.0),
        "singular values": (left * sizes @ right, square),
        "orthogonal": (one @ other, square),
        "roots": (lower @ lower.T, positive),
        "OpenCV": (cv2.invert(square)[1] @ square, np.eye(40)),
    }
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    mapped = {Path(line.split()[-1]).name for line in lines if "/lib/" in line}
    return {
        "errors": {name: float(np.max(np.abs(np.subtract(*pair)))) for name, pair in pairs.items()},
        "libraries": sorted({name[: name.index(".so.") + 5] for name in mapped if ".so." in name}),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
