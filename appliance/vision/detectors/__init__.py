"""One file a network family: output tensors to detections."""
