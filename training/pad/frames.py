"""Frames of the GRID corpus's speakers (CC BY 4.0) as live pictures for the weights that are free of research-only data.

    python pad/frames.py --grid ../../shared/data/lips/grid --out pad/free/grid
"""
import argparse
import csv
import os

import cv2

CLIPS, FRAMES = 10, (5, 40)  # a speaker's clips, and which of their frames


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--grid", required=True)
    a.add_argument("--out", required=True)
    a = a.parse_args()
    os.makedirs(a.out, exist_ok=True)
    with open(os.path.join(a.grid, "tokens.tsv")) as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    with open(os.path.join(a.out, "labels.csv"), "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["path", "label", "species", "person", "set", "crop", "face_x", "face_y", "face_w", "face_h"])
        for speaker in sorted({r["speaker"] for r in rows}):
            mine = [r for r in rows if r["speaker"] == speaker]
            n = min(CLIPS, len(mine))
            for clip in (mine[i * len(mine) // n] for i in range(n)):
                film = cv2.VideoCapture(os.path.join(a.grid, clip["file"]))
                for number in range(max(FRAMES) + 1):
                    ok, frame = film.read()
                    if ok and number in FRAMES:
                        name = "%s-%s-%d.jpg" % (speaker, clip["name"], number)
                        cv2.imwrite(os.path.join(a.out, name), frame, [cv2.IMWRITE_JPEG_QUALITY, 92])
                        out.writerow([name, "bona_fide", "", "grid:" + speaker, "grid", "frame", "", "", "", ""])


if __name__ == "__main__":
    main()
