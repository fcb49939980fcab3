"""Labelled pictures: reading, crops as the server makes them, people's parts, balance, teachers' opinions."""
import csv
import os
import zlib

import cv2
import numpy as np

cv2.setNumThreads(1)
SIZE = 128  # pixels of a crop's side
PARTS = 10
# Opinions of open models that may stand in the labels file; the student learns their weighted mean of log odds.
TEACHERS = {"minifasnet_2_7": 1, "minifasnet_4_0": 1, "minifas128_b": 2}
BASELINES = ["minifasnet_2_7", "minifasnet_4_0", "minifas128_a", "minifas128_b", "fr_liveness_bgr"]


class Faces:
    """All pictures of a labels file that have a face box, one array entry each.

    pixels are BGR pictures, box is n x 4 (x, y, width, height in pixels), live is 1 for bona fide and 0 for attack.
    """

    def __init__(self, labels):
        rows = [r for r in csv.DictReader(open(labels)) if float(r["face_w"] or 0) > 0]
        folder = os.path.dirname(os.path.abspath(labels))
        self.path = [r["path"] for r in rows]
        self.pixels = [cv2.imread(os.path.join(folder, p)) for p in self.path]
        self.box = np.array([[float(r["face_" + k]) for k in "xywh"] for r in rows])
        self.live = np.array([r["label"] == "bona_fide" for r in rows], int)
        self.set = np.array([r["set"] for r in rows])
        self.species = np.array([r["species"] or "bona_fide" for r in rows])
        self.person = np.array([r["person"] for r in rows])
        # Pictures of one person and species are one presentation; the file does not say which clip they are from.
        self.presentation = np.array(["/".join(k) for k in zip(self.set, self.person, self.species)])
        self.framing = np.array([r["crop"] for r in rows])
        self.part = np.array([zlib.crc32(("pad" + p).encode()) % PARTS for p in self.person])
        self.opinions = {k: np.array([float(r[k]) for r in rows]) for k in BASELINES if k in rows[0]}
        self.reach = np.array([reach(p, b) for p, b in zip(self.pixels, self.box)])

    def __len__(self):
        return len(self.path)

    def soft(self):
        """The teachers' probability of bona fide, or the label where the file has no opinions."""
        if not set(TEACHERS) <= set(self.opinions):
            return self.live.astype(float)
        odds = sum(w * logit(self.opinions[k]) for k, w in TEACHERS.items())
        return 1 / (1 + np.exp(-odds / sum(TEACHERS.values())))

    def share(self, chosen):
        """Weights of the pictures in a mask: half for each label, within it by set, large sets tamed by a square root."""
        weight = np.zeros(len(self))
        for live in (0, 1):
            for name in set(self.set[chosen]):
                k = chosen & (self.set == name) & (self.live == live)
                if k.any():
                    weight[k] = min(k.sum(), 400) ** 0.5 / k.sum()
            k = chosen & (self.live == live)
            weight[k] /= 2 * weight[k].sum()
        return weight


def logit(p):
    p = np.clip(p, 1e-3, 1 - 1e-3)
    return np.log(p / (1 - p))


def reach(picture, box):
    """How many boxes the picture holds a side, if it and the box were squares: 1 is a picture of the face alone."""
    return np.sqrt(picture.shape[0] * picture.shape[1] / (box[2] * box[3]))


def crop(picture, box, margin):
    """The box enlarged margin times (less where the picture ends), moved into the picture, as SIZE x SIZE BGR bytes.

    Mirrored where its right half is the brighter one, as the server does: a picture and its mirror image are alike then.
    Resampled as Picture.Crop in liveness/picture.go does, so that training and server see the same pixels.
    """
    height, width = picture.shape[:2]
    margin = min(margin, width / box[2], height / box[3])
    w, h = box[2] * margin, box[3] * margin
    x = min(max(box[0] + box[2] / 2 - w / 2, 0), width - w)
    y = min(max(box[1] + box[3] / 2 - h / 2, 0), height - h)
    rows, down = _taps(y, h, height)
    columns, across = _taps(x, w, width)
    part = picture[rows, columns].astype(np.float32)
    lines = (down @ part.reshape(len(part), -1)).reshape(SIZE, -1, 3)
    part = (np.matmul(across, lines) + 0.5).astype(np.uint8)
    return part[:, ::-1].copy() if part[:, SIZE // 2:].sum() > part[:, :SIZE // 2].sum() else part


def _taps(start, size, length):
    """The source pixels that SIZE output pixels over [start, start+size) use, and their SIZE x n weights."""
    step = size / SIZE
    edges = start + step * np.arange(SIZE + 1)
    pixel = np.arange(length)
    if step <= 1:
        at = np.clip((edges[:-1] + edges[1:]) / 2 - 0.5, 0, length - 1)
        weight = np.clip(1 - np.abs(at[:, None] - pixel), 0, None)
    else:
        weight = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
        weight = np.clip(weight, 0, None)
    used = np.flatnonzero(weight.any(0))
    used = slice(used[0], used[-1] + 1)
    weight = weight[:, used]
    return used, (weight / weight.sum(1, keepdims=True)).astype(np.float32)


def jitter(box, amount, rng, picture):
    """The box moved and stretched at random by up to amount of its size: detectors differ."""
    stretch = box[2:] * np.exp(rng.uniform(-amount, amount, 2))
    centre = box[:2] + box[2:] / 2 + rng.uniform(-amount, amount, 2) * box[2:] * 0.7
    height, width = picture.shape[:2]
    stretch = np.minimum(stretch, (width, height))
    corner = np.clip(centre - stretch / 2, 0, (width, height) - stretch)
    return np.concatenate([corner, stretch])
