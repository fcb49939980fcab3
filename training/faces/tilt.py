#!/usr/bin/python3
"""Turns the labelled pictures in their plane, with their labels, for `bonafide eval faces`.

    /usr/bin/python3 training/faces/tilt.py --out FOLDER
    bonafide eval faces FOLDER/turned.csv

The column set is the angle in degrees, clockwise. Of a turned face the label is the box about the ellipse that the upright
box holds; the five points turn exactly. Nothing is cut off: what a turned picture does not fill repeats its edge.
"""
import argparse, csv, os
import cv2
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ANGLES = -45, -30, -15, 0, 15, 30, 45
POINTS = "left_eye", "right_eye", "nose", "mouth_left", "mouth_right"


def rotate(picture, degrees):
    """The picture, turned clockwise, and the map from its points to the turned one's."""
    h, w = picture.shape[:2]
    m = cv2.getRotationMatrix2D((w / 2, h / 2), -degrees, 1)
    width, height = (int(np.ceil(v)) for v in np.abs(m[:, :2]) @ (w, h))
    m[:, 2] += (width - w) / 2, (height - h) / 2
    return cv2.warpAffine(picture, m, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), m


def rotate_labels(row, m):
    """A row of labels.csv for the turned picture."""
    x, y, w, h = (float(row[k]) for k in ("x", "y", "width", "height"))
    centre = m @ (x + w / 2, y + h / 2, 1)
    size = np.sqrt(m[:, :2] ** 2 @ (w * w, h * h))
    box = *(centre - size / 2), *size
    new = dict(zip(("x", "y", "width", "height"), (round(float(v), 1) for v in box)))
    for name in POINTS:
        if row[name + "_x"]:
            new[name + "_x"], new[name + "_y"] = (round(float(v), 1) for v in m @ (float(row[name + "_x"]), float(row[name + "_y"]), 1))
    return new


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    o = parser.parse_args()
    os.makedirs(o.out, exist_ok=True)
    pictures = {}
    for row in csv.DictReader(open(os.path.join(HERE, "labels.csv"))):
        if row["width"]:
            pictures.setdefault(row["path"], []).append(row)
    with open(os.path.join(o.out, "turned.csv"), "w", newline="") as f:
        out = csv.DictWriter(f, ["path", "set", "x", "y", "width", "height"] + [p + axis for p in POINTS for axis in ("_x", "_y")])
        out.writeheader()
        for angle in ANGLES:
            for i, (path, rows) in enumerate(pictures.items()):
                picture, m = rotate(cv2.imread(os.path.join(HERE, path)), angle)
                name = f"{i:03d}_{angle:+03d}.jpg"
                cv2.imwrite(os.path.join(o.out, name), picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
                for row in rows:
                    out.writerow({"path": name, "set": f"{angle:+d} degrees", **rotate_labels(row, m)})


if __name__ == "__main__":
    main()
