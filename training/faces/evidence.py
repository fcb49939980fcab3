#!/usr/bin/python3
"""Chooses what must speak for a face where the mesh is in doubt (internal/face/plausible.go).

    /usr/bin/python3 training/faces/evidence.py make --data ../shared/data --out FACES    # real faces, blurred, dark, small, covered
    ls THINGS/fit-*.jpg > things.txt; ls FACES/*.jpg > faces.txt                        # things: things.py
    go test -v -run PrintFinds ./internal/face -args -finds $PWD/things.txt | grep ^find > things.csv
    go test -v -run PrintFinds ./internal/face -args -finds $PWD/faces.txt | grep ^find > faces.csv
    /usr/bin/python3 training/faces/evidence.py fit --faces faces.csv --things things.csv

Without rewriting anything it prints, for some parts of the detector's and the mesh's odds, how many pictures of things then
show a face, and in how many pictures of one face it is found. Faces in turned pictures are judged by themselves.
"""
import argparse, csv, math, os, random
import cv2
import numpy as np

SURE, LIKELY, LONG = .9, .95, 2.35  # sureMesh, likelyFace, sureLength


def make(o):
    random.seed(11)
    rng = np.random.default_rng(11)
    rows = list(csv.DictReader(open(o.data + "/pad/labels.csv")))
    os.makedirs(o.out, exist_ok=True)
    count = 0

    def put(picture, kind):
        nonlocal count
        cv2.imwrite(os.path.join(o.out, "%s-%04d.jpg" % (kind, count)), picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 95))])
        count += 1

    for name, most in (("lfw", 40), ("replayattack", 40), ("nuaa", 25), ("pourfard", 15), ("livenessnet", 25)):
        chosen = [r for r in rows if r["set"] == name and r["face_h"]]
        random.shuffle(chosen)
        for r in chosen[:most]:
            picture = cv2.imread(os.path.join(o.data, "pad", r["path"]))
            x, y, w, h = (float(r["face_" + k]) for k in "xywh")
            put(picture, "plain")
            put(cv2.GaussianBlur(picture, (0, 0), h * rng.uniform(.01, .05)), "blurred")
            put(np.clip(picture * rng.uniform(.04, .25) + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8), "dark")
            small = cv2.resize(picture, None, fx=40 / h, fy=40 / h, interpolation=cv2.INTER_AREA)
            put(cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC), "coarse")
            put(cover(picture.copy(), x, y, w, h, rng), "covered")
            turn = cv2.getRotationMatrix2D((x + w / 2, y + h / 2), rng.uniform(-180, 180), 1)
            put(cv2.warpAffine(picture, turn, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE), "turned")


def cover(picture, x, y, w, h, rng):
    """One colour over the mouth, the eyes, a side, or some part."""
    colour = tuple(int(v) for v in rng.integers(0, 256, 3))
    left, top, right, bottom = [(-.2, .58, 1.2, 1.2), (-.2, -.1, 1.2, .45), (-.3, -.1, .45, 1.1), (None,) * 4][rng.integers(4)]
    if left is None:
        at = (int(x + w * rng.uniform(.2, .8)), int(y + h * rng.uniform(.3, .8)))
        return cv2.ellipse(picture, at, (int(w * .3), int(h * .22)), rng.uniform(0, 180), 0, 360, colour, -1)
    return cv2.rectangle(picture, (int(x + left * w), int(y + top * h)), (int(x + right * w), int(y + bottom * h)), colour, -1)


def odds(p):
    return min(max(math.log(max(p, 1e-9) / max(1 - p, 1e-9)), -7), 7)


def read(path):
    """The finds, each with its picture, whether in a turned one, and what speaks for it."""
    finds = []
    for r in csv.DictReader(open(path)):
        v = {k: float(r[k]) for k in ("angle", "confidence", "first", "mesh", "mirrored", "length")}
        mesh = odds(v["first"]) + odds(v["mesh"]) + odds(v["mirrored"])
        finds.append((r["path"], v["angle"] != 0, v["mesh"], v["confidence"], v["length"], odds(v["confidence"]), mesh))
    return finds


def accepted(finds, detector, mesh, enough, turned):
    kept = set()
    for path, angle, face, confidence, length, by_detector, by_mesh in finds:
        total = length + detector * by_detector + mesh * by_mesh
        if angle and face >= SURE and total >= turned or not angle and (face >= SURE or total >= enough or length >= LONG and confidence >= LIKELY):
            kept.add(path)
    return kept


def fit(o):
    faces, things = read(o.faces), read(o.things)
    pictures = len({f[0] for f in faces})
    print("%d pictures of faces with a find, %d of things" % (pictures, len({f[0] for f in things})))
    print("detector  mesh  enough  faces  things, upright only")
    flat = lambda finds: [f for f in finds if not f[1]]
    for detector in (.1, .15, .2, .25, .3):
        for mesh in (.05, .08, .1):
            for enough in np.arange(2.6, 3.5, .2):
                print("%8.2f %5.2f %7.1f %6d %7d" % (detector, mesh, enough, *(len(accepted(flat(f), detector, mesh, enough, 0)) for f in (faces, things))))
    print("turned  faces  things, detector .25, mesh .08, turned only")
    over = lambda finds: [f for f in finds if f[1]]
    for turned in np.arange(2.5, 5.5, .2):
        print("%6.1f %6d %7d" % (turned, *(len(accepted(over(f), .25, .08, 0, turned)) for f in (faces, things))))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    p = commands.add_parser("make")
    p.add_argument("--data", required=True)
    p.add_argument("--out", required=True)
    p.set_defaults(run=make)
    p = commands.add_parser("fit")
    p.add_argument("--faces", required=True)
    p.add_argument("--things", required=True)
    p.set_defaults(run=fit)
    o = parser.parse_args()
    o.run(o)


if __name__ == "__main__":
    main()
