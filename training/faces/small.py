#!/usr/bin/python3
"""Makes 12-megapixel pictures with one face of 40 pixels each, and some without a face, for `bonafide eval faces`.

    /usr/bin/python3 training/faces/small.py --data ../shared/data --out FOLDER
    bonafide eval faces FOLDER/labels.csv

The faces are press photographs (LFW), shrunk with what is around them and blended in anywhere; what they lie in are the
pictures of no face, either enlarged or, as sharp as they are, put together to a mosaic.
"""
import argparse, csv, glob, os
import cv2
import numpy as np

from defects import LFW

WIDTH, HEIGHT = 4032, 3024


def mosaic(pictures, rng):
    """Pictures side by side in their own size, mirrored at random."""
    sheet, size = np.zeros((HEIGHT, WIDTH, 3), np.uint8), 504
    for y in range(0, HEIGHT, size):
        for x in range(0, WIDTH, size):
            p = pictures[rng.integers(len(pictures))][:, :: rng.choice([-1, 1])]
            top, left = (rng.integers(n - size + 1) for n in p.shape[:2])
            sheet[y:y + size, x:x + size] = p[top:top + size, left:left + size]
    return sheet


def enlarge(pictures, rng):
    p = pictures[rng.integers(len(pictures))]
    scale = max(WIDTH / p.shape[1], HEIGHT / p.shape[0])
    return cv2.resize(p, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)[:HEIGHT, :WIDTH].copy()


def blend(sheet, face, box, rng):
    """Puts a picture of a face into the sheet, soft at its edges, and returns where the face's box then is."""
    rows, columns = face.shape[:2]
    x, y = rng.integers(WIDTH - columns), rng.integers(HEIGHT - rows)
    mask = np.zeros((rows, columns), np.float32)
    soft = max(rows // 12, 2)
    mask[soft:-soft, soft:-soft] = 1
    mask = cv2.GaussianBlur(mask, (0, 0), soft / 2)[..., None]
    part = sheet[y:y + rows, x:x + columns]
    part[:] = (mask * face + (1 - mask) * part + 0.5).astype(np.uint8)
    return [x + box[0], y + box[1], box[2], box[3]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--each", type=int, default=30, help="pictures of each kind")
    o = parser.parse_args()
    os.makedirs(o.out, exist_ok=True)
    rng = np.random.default_rng(1)
    things = [cv2.imread(p) for p in sorted(glob.glob(o.data + "/faces/no_face_object/*.jpg"))]
    things = [p for p in things if min(p.shape[:2]) >= 504]
    people = [r for r in csv.DictReader(open(o.data + "/pad/labels.csv")) if r["set"] == "lfw"]
    people = [people[int(i)] for i in LFW.split()]
    rows, person = [["path", "set", "x", "y", "width", "height"]], 0
    for ground in (mosaic, enlarge):
        for kind in ("40 px high", "40 px wide", "none"):
            for i in range(o.each):
                name = "%s-%s-%03d.jpg" % (ground.__name__, kind.replace(" ", "-"), i)
                sheet, box = ground(things, rng), ["", "", "", ""]
                if kind != "none":
                    r = people[person % len(people)]
                    person += 1
                    box = [float(r["face_" + k]) for k in "xywh"]
                    scale = 40 / (box[3] if kind == "40 px high" else box[2])
                    face = cv2.resize(cv2.imread(os.path.join(o.data, "pad", r["path"])), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                    box = ["%.1f" % v for v in blend(sheet, face, [v * scale for v in box], rng)]
                cv2.imwrite(os.path.join(o.out, name), sheet, [cv2.IMWRITE_JPEG_QUALITY, 92])
                rows.append([name, ground.__name__ + ", " + kind, *box])
    csv.writer(open(os.path.join(o.out, "labels.csv"), "w", newline="")).writerows(rows)


if __name__ == "__main__":
    main()
