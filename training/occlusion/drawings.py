#!/usr/bin/python3
"""Puts drawings of people (drawings.mjs) and emoji of people before grounds of several kinds, for training/occlusion/faces to cut out.

    make -C training occlusion     (draws, puts, cuts)
    /usr/bin/python3 training/occlusion/drawings.py --work training/occlusion/work --photos ../shared/data/faces/no_face_object --out FOLDER

FOLDER/labels.csv has the columns path, label (drawing) and person (the drawing). What is called train and what is called test share
no family of drawings and no photographs; FOLDER/test.csv is the latter for `bonafide eval faces`, with the families as its sets.
"""
import argparse, csv, glob, os, re
import cv2
import numpy as np

WIDTH, HEIGHT = 560, 480
# Fluent Emoji of people by code point.
PEOPLE = re.compile("(1f46[8-9]|1f9d[1-9a-f]|1f47[0-8c]|1f46[6-7a-f]|1f93[4-6]|1f9b[8-9]|1f38[5]|1f48[1-7]|1f64[5-7bde]|1f92[6-7]|1f937|1f9cf|1f575)[-.]")


def cutouts(work, name):
    """Drawings with their coverage, by name."""
    files = sorted(glob.glob(os.path.join(work, "drawings", name, "*.png")))
    if name == "train":
        emoji = [f for f in sorted(glob.glob(os.path.join(work, "emoji/assets/*.webp"))) if PEOPLE.match(os.path.basename(f))]
        files += emoji[::max(len(emoji) // 500, 1)]
    for f in files:
        p = cv2.imread(f, cv2.IMREAD_UNCHANGED)
        if p is None or p.ndim < 3:
            continue
        yield os.path.basename(f).rsplit(".", 1)[0], p if p.shape[2] == 4 else np.dstack([p, np.full(p.shape[:2], 255, np.uint8)])


def ground(rng, photos):
    """One colour, mostly pale; two that run into each other; or part of a photograph."""
    kind = rng.random()
    if kind < .35:
        colour = rng.uniform(20, 256, 3) if rng.random() < .6 else np.full(3, rng.uniform(200, 256))
        return np.full((HEIGHT, WIDTH, 3), colour, np.float32)
    if kind < .6:
        corners = rng.uniform(0, 256, (2, 2, 3)).astype(np.float32)
        return cv2.resize(corners, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    p = photos[rng.integers(len(photos))]
    share = rng.uniform(.3, 1)
    h, w = (int(n * share) for n in p.shape[:2])
    y, x = rng.integers(p.shape[0] - h + 1), rng.integers(p.shape[1] - w + 1)
    return cv2.resize(p[y:y + h, x:x + w], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)


def recolour(rng, p):
    """Other hues, strengths and lights for the drawing; at times none."""
    p = p.astype(np.float32)
    if rng.random() < .35:
        hsv = cv2.cvtColor(p[..., :3] / 255, cv2.COLOR_BGR2HSV)
        hsv[..., 0] = (hsv[..., 0] + rng.normal(0, 12)) % 360
        hsv[..., 1] *= rng.uniform(.2, 1)
        p[..., :3] = 255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    if rng.random() < .5:  # shades, as a painter sets them
        soft = cv2.resize(rng.uniform(.6, 1.25, (int(rng.integers(2, 6)),) * 2).astype(np.float32), p.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        p[..., :3] *= soft[..., None]
    if rng.random() < .3:  # soft edges within
        p[..., :3] = cv2.GaussianBlur(p[..., :3], (0, 0), rng.uniform(.5, 4))
    if rng.random() < .3:  # paper, canvas
        grain = cv2.GaussianBlur(rng.standard_normal(p.shape[:2]).astype(np.float32), (0, 0), rng.uniform(.4, 2))
        p[..., :3] += (grain / grain.std() * rng.uniform(2, 14))[..., None]
    return np.clip(p, 0, 255)


def put(rng, p, photos):
    """The picture of a drawing, anywhere and of any size, on a ground."""
    sheet = ground(rng, photos)
    p = recolour(rng, p)
    k = rng.uniform(150, 470) / max(p.shape[:2])
    p = cv2.resize(p, None, fx=k, fy=k, interpolation=cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC)
    if rng.random() < .3:
        turn = cv2.getRotationMatrix2D((p.shape[1] / 2, p.shape[0] / 2), rng.normal(0, 12), 1)
        p = cv2.warpAffine(p, turn, p.shape[1::-1])
    h, w = p.shape[:2]
    y, x = rng.integers(HEIGHT - h + 1), rng.integers(WIDTH - w + 1)
    alpha = np.clip(p[..., 3:] / 255, 0, 1)
    sheet[y:y + h, x:x + w] = p[..., :3] * alpha + sheet[y:y + h, x:x + w] * (1 - alpha)
    return np.clip(sheet, 0, 255).astype(np.uint8)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", required=True); a.add_argument("--photos", required=True); a.add_argument("--out", required=True)
    a.add_argument("--each", type=int, default=4, help="how many pictures of each drawing")
    a = a.parse_args()
    os.makedirs(a.out, exist_ok=True)
    cv2.setNumThreads(1)
    photos = [cv2.imread(f) for f in sorted(glob.glob(os.path.join(a.photos, "*")))]
    tests = [("path", "set")]
    with open(os.path.join(a.out, "labels.csv"), "w", newline="") as f:
        rows = csv.writer(f)
        rows.writerow(["path", "label", "person"])
        for test, name in enumerate(("train", "test")):
            rng = np.random.default_rng(21 + test)
            mine = [p for i, p in enumerate(photos) if (i % 3 == 0) == bool(test)]  # as occluders.Props has them
            for drawing, p in cutouts(a.work, name):
                for i in range(a.each):
                    path = f"{name}-{drawing}-{i}.jpg"
                    cv2.imwrite(os.path.join(a.out, path), put(rng, p, mine), [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))])
                    rows.writerow([path, "drawing", drawing])
                    if test:
                        tests.append((path, drawing.rsplit("_", 1)[0]))
    csv.writer(open(os.path.join(a.out, "test.csv"), "w", newline="")).writerows(tests)


if __name__ == "__main__":
    main()
