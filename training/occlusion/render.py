#!/usr/bin/python3
"""Renders faces of people whom train.py never saw, occluded and not, as pictures for `bonafide check picture`.

    /usr/bin/python3 training/occlusion/render.py --work training/occlusion/work --photos ../shared/data/faces/no_face_object
        --out FOLDER [--samples 800]
    (cd FOLDER && bonafide check picture --json *.jpg > verdicts.jsonl)
    /usr/bin/python3 training/occlusion/render.py --report FOLDER

The report counts, by what was drawn, how many pictures ended as face_is_occluded.
"""
import argparse, csv, json, os
import cv2
import numpy as np
from occluders import compose
from train import load


def render(a):
    faces, photos = load(a.work, a.photos)
    people, rng = faces["test"], np.random.default_rng(7)
    names = sorted(people)
    os.makedirs(a.out, exist_ok=True)
    with open(os.path.join(a.out, "labels.csv"), "w", newline="") as f:
        rows = csv.writer(f)
        rows.writerow(["path", "person", "set", "occluded"])
        for i in range(a.samples):
            person = names[rng.integers(len(names))]
            image, landmarks = people[person][rng.integers(len(people[person]))]
            out, drawn, occluded, _ = compose(rng, image, landmarks, photos["test"])
            if occluded < 0:
                continue
            name = f"{i:04d}.jpg"
            cv2.imwrite(os.path.join(a.out, name), cv2.resize(out, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)[..., ::-1])
            rows.writerow([name, person, drawn[-1] if drawn else "none", occluded])


def report(folder):
    verdicts = [json.loads(line) for line in open(os.path.join(folder, "verdicts.jsonl"))]
    reasons = {os.path.basename(v["file"]): v.get("reason") or "judged" for v in verdicts}
    count = {}
    for r in csv.DictReader(open(os.path.join(folder, "labels.csv"))):
        # Faces cut by the edge of their picture, or turned away, were so before anything was drawn.
        if reasons[r["path"]] in ("face_cropped", "face_close_to_border", "face_angle_too_large", "too_many_faces", "face_too_close"):
            continue
        for kind in (r["set"], "all"):
            c = count.setdefault((r["occluded"], kind), {})
            c[reasons[r["path"]]] = c.get(reasons[r["path"]], 0) + 1
    for (occluded, kind), c in sorted(count.items()):
        print("occluded" if occluded == "1" else "free", kind, c)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work"); a.add_argument("--photos"); a.add_argument("--out")
    a.add_argument("--samples", type=int, default=800); a.add_argument("--report")
    a = a.parse_args()
    report(a.report) if a.report else render(a)


if __name__ == "__main__":
    main()
