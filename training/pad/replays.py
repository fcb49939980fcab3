"""Recordings of people as they are, and the same recordings replayed on a screen and filmed by another camera.

    python pad/replays.py --grid ../../shared/data/lips/grid --out pad/work/replays [--per-speaker 8]

A replay shows a phone, tablet or monitor with its bezel, or the screen alone: its grid, the moire with the camera's pixels, its gamma, light
and black, glare, the bands of its refresh, and the shaking of the hand that holds it. Writes live/NAME.mp4, replay/NAME.mp4 and recordings.csv
(path, label, species, person). What is there is not made again.
"""
import argparse
import csv
import os
import subprocess

import cv2
import numpy as np

import augment

WIDTH, HEIGHT, RATE = 640, 480, 25


def frames(path):
    film, all_frames = cv2.VideoCapture(path), []
    while True:
        ok, frame = film.read()
        if not ok:
            return all_frames
        all_frames.append(frame)


def written(path, pictures, sound):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = path + ".part.mp4"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", "%dx%d" % (WIDTH, HEIGHT), "-r", str(RATE), "-i", "-",
               "-i", sound, "-map", "0:v", "-map", "1:a?", "-c:a", "aac", "-c:v", "libx264", "-crf", "23", "-preset", "veryfast", "-threads", "1",
               "-pix_fmt", "yuv420p", part]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
        for picture in pictures:
            encoder.stdin.write(picture.tobytes())
        encoder.stdin.close()
    if encoder.returncode:
        raise SystemExit("ffmpeg failed on " + path)
    os.replace(part, path)


def shaking(count, rng, size):
    """A slow and a fast wander, count numbers."""
    slow = np.convolve(rng.normal(0, 1, count + 60), np.hanning(50) / 5, "same")[30:-30]
    fast = np.convolve(rng.normal(0, 1, count + 60), np.hanning(9) / 2, "same")[30:-30]
    return size * (slow + 0.3 * fast)


def live(source, rng):
    """As a webcam has it: larger, moved a little, in other light."""
    gain, gamma = np.exp(rng.normal(0, 0.06, 3) + rng.normal(0, 0.1)), np.exp(rng.normal(0, 0.12))
    table = np.clip(255 * (np.arange(256)[:, None] / 255) ** gamma * gain, 0, 255).astype(np.uint8)[None]
    noise = rng.uniform(1, 4)
    for frame in source:
        h = frame.shape[0]
        frame = cv2.resize(frame, (WIDTH, round(h * WIDTH / frame.shape[1])))
        top = (frame.shape[0] - HEIGHT) // 2
        frame = cv2.LUT(np.ascontiguousarray(frame[top:top + HEIGHT]), table)
        yield np.clip(frame + rng.normal(0, noise, frame.shape[:2])[..., None], 0, 255).astype(np.uint8)


def replayed(source, rng):
    count = len(source)
    kind = rng.choice(["phone", "tablet", "monitor"])
    look = dict(gamma=rng.uniform(0.8, 1.35), light=rng.uniform(0.75, 1.05), black=rng.uniform(0.01, 0.07), grid=rng.uniform(0.35, 0.8),
                cast=(rng.uniform(1.0, 1.2), 1.0, rng.uniform(0.85, 1.03)))
    wide = {"phone": 360, "tablet": 480, "monitor": 560}[kind]
    shape = (wide, round(wide * source[0].shape[0] / source[0].shape[1]))
    bezel = {"phone": 0.05, "tablet": 0.07, "monitor": 0.03}[kind]
    room = cv2.GaussianBlur(rng.uniform(20, 200, (6, 8, 3)).astype(np.float32), (3, 3), 0)
    room = cv2.resize(room, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    fill = rng.uniform(0.7, 1.25)  # of the camera's picture by the screen's width
    still = kind == "monitor"
    dx, dy = shaking(count, rng, 1 if still else 4), shaking(count, rng, 1 if still else 4)
    turn, zoom = shaking(count, rng, 0.1 if still else 0.6) + rng.normal(0, 2), np.exp(shaking(count, rng, 0.002 if still else 0.01))
    lean = rng.normal(0, 0.05, 2)
    glare_at, glare = rng.uniform(0.1, 0.9, 2) * (HEIGHT, WIDTH), rng.uniform(0, 90) * (rng.random() < 0.5)
    yy, xx = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    spot = glare * np.exp(-((yy - glare_at[0]) ** 2 + (xx - glare_at[1]) ** 2) / rng.uniform(40, 130) ** 2)[..., None]
    band, speed = rng.uniform(0.02, 0.12) * (rng.random() < 0.6), rng.uniform(-0.4, 0.4)
    soft, noise = rng.uniform(0.5, 1.1), rng.uniform(1, 5)
    gain = rng.uniform(0.85, 1.1)
    for i, frame in enumerate(source):
        screen = augment.drawn(frame, shape, **look)
        h, w = screen.shape[:2]
        edge = round(bezel * w)
        device = cv2.copyMakeBorder(screen, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(0.05, 0.05, 0.05))
        mask = np.ones(device.shape[:2], np.float32)
        h, w = device.shape[:2]
        scale = fill * WIDTH / w * zoom[i]
        centre = np.array([WIDTH / 2 + dx[i], HEIGHT / 2 + dy[i]])
        a = np.deg2rad(turn[i])
        corners = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2 * scale
        corners = corners @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        corners *= 1 + (corners / WIDTH) @ lean[:, None]
        to = cv2.getPerspectiveTransform(np.float32([[0, 0], [w, 0], [w, h], [0, h]]), np.float32(corners + centre))
        # A camera's pixel gathers the light of its whole width: drawn twice as large, then halved.
        double = np.diag([2.0, 2.0, 1.0]) @ to
        shown = cv2.resize(cv2.warpPerspective(device, double, (2 * WIDTH, 2 * HEIGHT)), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        there = cv2.resize(cv2.warpPerspective(mask, double, (2 * WIDTH, 2 * HEIGHT)), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)[..., None]
        bands = 1 + band * np.sin(2 * np.pi * (yy / HEIGHT * 1.3 + speed * i / RATE * 10))[..., None]
        picture = there * (255 * gain * shown * bands + spot) + (1 - there) * room
        picture = cv2.GaussianBlur(picture, (0, 0), soft) + rng.normal(0, noise, (HEIGHT, WIDTH, 1))
        yield np.clip(picture, 0, 255).astype(np.uint8)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--grid", required=True)
    a.add_argument("--out", required=True)
    a.add_argument("--per-speaker", type=int, default=8)
    a = a.parse_args()
    cv2.setNumThreads(1)
    with open(os.path.join(a.grid, "tokens.tsv")) as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    made = []
    for speaker in sorted({r["speaker"] for r in rows}):
        mine = [r for r in rows if r["speaker"] == speaker]
        n = min(a.per_speaker, len(mine))
        for k, row in enumerate(mine[i * len(mine) // n] for i in range(n)):
            path = os.path.join(a.grid, row["file"])
            for label, species, render in (("bona_fide", "", live), ("attack", "replay_screen_rendered", replayed)):
                name = os.path.join(label, "%s-%02d.mp4" % (speaker, k))
                target = os.path.join(a.out, name)
                if not os.path.exists(target):
                    seed = np.frombuffer(name.encode(), np.uint8).tolist()
                    written(target, render(frames(path), np.random.default_rng(seed)), path)
                made.append((name, label, species, speaker))
    with open(os.path.join(a.out, "recordings.csv"), "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["path", "label", "species", "person"])
        out.writerows(made)


if __name__ == "__main__":
    main()
