"""Crops of every picture and of augmented copies, and what the teachers say of each: made once, read by all trainings.

    python pad/copies.py --boxes pad/work/boxes.csv --teachers FOLDER --work pad/work

Writes crops.u8 (copies x 2 crops x SIZE x SIZE x 3, red first: the face box enlarged 2.7 times, and the box), teachers.npy (copies x 2 log
odds of live), and of.npy (copies x 2: the picture's number, and the kind of copy). Stopped, it goes on where it was.
"""
import argparse
import os
import time
from collections import defaultdict

import cv2
import numpy as np
import torch

import augment
import sets
from minifasnet import MARGINS as TEACHERS, NAMES, SIZE as TEACHER_SIZE, MiniFasNet, log_odds

SIZE = 128
MARGINS = (2.7, 1.0)
REGION = 4.0  # boxes that are cut out and augmented
PLAIN, AUGMENTED, RECAPTURED = range(3)
PER_LABEL = 260  # pictures of a label in a set that are augmented: frames of one recording are near copies


def around(box, margin, size):
    """The box enlarged, as far as the picture allows, and moved into it: as the server does."""
    left, top, width, height = box
    margin = min(margin, size[0] / width, size[1] / height)
    w, h = margin * width, margin * height
    return min(max(left + width / 2 - w / 2, 0), size[0] - w), min(max(top + height / 2 - h / 2, 0), size[1] - h), w, h


def cut(x, box, side):
    """A box of a picture as side x side pixels; each pixel the mean of what it covers, or between its neighbours when enlarged."""
    left, top, width, height = box
    scale = side / min(width, height)
    if scale < 1:
        l, t = max(int(left) - 2, 0), max(int(top) - 2, 0)
        r, b = min(int(left + width) + 3, x.shape[1]), min(int(top + height) + 3, x.shape[0])
        x, left, top = x[t:b, l:r], left - l, top - t
        w, h = max(1, round(x.shape[1] * side / width)), max(1, round(x.shape[0] * side / height))
        sx, sy = w / x.shape[1], h / x.shape[0]
        x = cv2.resize(x, (w, h), interpolation=cv2.INTER_AREA)
        left, top, width, height = left * sx, top * sy, width * sx, height * sy
    m = np.float64([[width / side, 0, left + width / side / 2 - 0.5], [0, height / side, top + height / side / 2 - 0.5]])
    return cv2.warpAffine(x, m, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)


def to_light(x):
    """Mirrored where its right half is the lighter one, as the server does: a mirrored picture gives the same crop."""
    half = x.shape[1] // 2
    return np.ascontiguousarray(x[:, ::-1]) if int(x[:, :half].sum(dtype=np.int64)) < int(x[:, half:].sum(dtype=np.int64)) else x


def jittered(box, rng, size):
    """The box as another detector might give it."""
    left, top, width, height = box
    grown = np.exp(rng.normal(0, 0.07, 2) + rng.normal(0, 0.08))
    x, y = left + width / 2 + rng.normal(0, 0.05) * width, top + height / 2 + rng.normal(0, 0.05) * height
    w, h = min(width * grown[0], size[0]), min(height * grown[1], size[1])
    left, top = min(max(x - w / 2, 0), size[0] - 8), min(max(y - h / 2, 0), size[1] - 8)
    return left, top, max(min(w, size[0] - left), 8), max(min(h, size[1] - top), 8)


def change(kind):
    """What is done to a copy."""
    return augment.filmed if kind == AUGMENTED else augment.recaptured


def copy(pixels, picture, kind, rng):
    """The two crops (red first) of a copy, and the teachers' crops (blue first)."""
    size, box = (pixels.shape[1], pixels.shape[0]), picture.box
    if kind != PLAIN:
        box = jittered(box, rng, size)
        region = around(box, REGION, size)
        scale = min(1, SIZE / box[2], 1.4 * SIZE / box[3])
        l, t, r, b = int(region[0]), int(region[1]), int(np.ceil(region[0] + region[2])), int(np.ceil(region[1] + region[3]))
        pixels = pixels[t:b, l:r]
        before = pixels.shape
        if scale < 1:
            pixels = augment.resized(pixels, scale)
        # The share of the part that the box has stays the same, whatever the augmentation makes of the part's size.
        share = (box[0] - l) / before[1], (box[1] - t) / before[0], box[2] / before[1], box[3] / before[0]
        placed = lambda x: (share[0] * x.shape[1], share[1] * x.shape[0], share[2] * x.shape[1], share[3] * x.shape[0])
        if rng.random() < 0.5:
            pixels = augment.rotated(pixels, placed(pixels), rng)
        pixels = change(kind)(pixels, rng)
        box, size = placed(pixels), (pixels.shape[1], pixels.shape[0])
    lit = to_light if kind == PLAIN or rng.random() < 0.75 else (lambda x: x if rng.random() < 0.5 else np.ascontiguousarray(x[:, ::-1]))
    crops = [lit(cut(pixels, around(box, m, size), SIZE))[..., ::-1] for m in MARGINS]
    return crops, [cut(pixels, around(box, m, size), TEACHER_SIZE) for m in TEACHERS]


def planned(pictures, copies):
    """(picture, kind, number) of every copy: first all pictures as they are, then the augmented ones."""
    groups = defaultdict(list)
    for i, p in enumerate(pictures):
        groups[p.set, p.live].append(i)
    plan = [(i, PLAIN, 0) for i in range(len(pictures))]
    for kind, many in copies.items():
        for (_, live), group in groups.items():
            if kind == RECAPTURED and not live:
                continue
            n = min(len(group), PER_LABEL)
            plan += [(group[k * len(group) // n], kind, c) for k in range(n) for c in range(many)]
    return plan


@torch.no_grad()
def main():
    a = argparse.ArgumentParser()
    a.add_argument("--boxes", required=True)
    a.add_argument("--teachers", required=True, help="folder with minifasnet_2_7.pth and minifasnet_4_0.pth")
    a.add_argument("--work", required=True)
    a.add_argument("--root", default=".")
    a.add_argument("--augmented", type=int, default=5, help="copies of each picture")
    a.add_argument("--recaptured", type=int, default=2, help="simulated attacks of each live picture")
    a = a.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    pictures = sets.read(a.boxes, a.root)
    teachers = [MiniFasNet(os.path.join(a.teachers, n + ".pth")) for n in NAMES]
    plan = planned(pictures, {AUGMENTED: a.augmented, RECAPTURED: a.recaptured})
    by_picture = defaultdict(list)
    for at, (i, kind, number) in enumerate(plan):
        by_picture[i].append((at, kind, number))
    path = lambda name: os.path.join(a.work, name)
    shape = (len(plan), len(MARGINS), SIZE, SIZE, 3)
    fresh = not os.path.exists(path("copies.state.npy"))
    crops = np.memmap(path("crops.u8"), np.uint8, "w+" if fresh else "r+", shape=shape)
    said = np.zeros((len(plan), 2), np.float32) if fresh else np.load(path("copies.state.npy"))[:, :2]
    done = 0 if fresh else int(np.load(path("copies.state.npy"))[0, 2])
    began = time.time()

    def keep():
        crops.flush()
        np.save(path("copies.part.npy"), np.concatenate([said, np.full((len(plan), 1), done, np.float32)], 1))
        os.replace(path("copies.part.npy"), path("copies.state.npy"))

    for start in range(done, len(pictures), 32):
        rows, asked = [], ([], [])
        for i in range(start, min(start + 32, len(pictures))):
            pixels = pictures[i].read()
            for at, kind, number in by_picture[i]:
                rng = np.random.default_rng((i, kind, number))
                crops[at], ask = copy(pixels, pictures[i], kind, rng)
                rows.append(at)
                for part, x in zip(asked, ask):
                    part.append(x)
        for k, net in enumerate(teachers):
            batch = torch.from_numpy(np.stack(asked[k])).permute(0, 3, 1, 2).float()
            said[rows, k] = log_odds(net(batch)).numpy()
        done = start + 32
        if start // 32 % 20 == 0:
            print("copies: %d of %d pictures, %.0f s" % (start, len(pictures), time.time() - began), flush=True)
            keep()
    keep()
    np.save(path("teachers.npy"), said)
    np.save(path("of.npy"), np.array([(i, kind) for i, kind, _ in plan]))


if __name__ == "__main__":
    main()
