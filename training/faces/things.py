#!/usr/bin/python3
"""Makes pictures of no face out of collections of pictures, for `bonafide eval faces`, and for the fit of what counts as a face.

    apt-get download tuxpaint-stamps-default openclipart-png openarena-081-textures \
        gnome-backgrounds mate-backgrounds plasma-workspace-wallpapers      # each: dpkg -x PACKAGE.deb ART; unzip the textures' pk3 there
    npm pack emoji-datasource-google@16.0.0                                  # tar -xzf it into ART
    /usr/bin/python3 training/faces/things.py --art ART --out FOLDER
    bonafide eval faces FOLDER/test.csv

fit.csv and test.csv share no source: what fills the first are cut-outs, game textures and every other drawing, the second
wallpapers, the other drawings, emoji, text and noise. Drawn faces are no faces; pictures of real people are left out.
"""
import argparse, csv, glob, os, re, zlib
import cv2
import numpy as np

# Photographs of people among the collections, and pictures of them (busts, banknotes, cards) that are no drawings.
PEOPLE = re.compile(r"/people/|/money/|martin_luther|coltrane|einstein|/screenshot|mona|statue|lincoln|washington", re.I)
SIDE = 560


def read(path):
    """A picture as blue, green, red and alpha."""
    p = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    if p is None or p.ndim < 2 or min(p.shape[:2]) < 16:
        return None
    if p.dtype != np.uint8:
        p = (p // 256).astype(np.uint8)
    if p.ndim == 2:
        p = cv2.cvtColor(p, cv2.COLOR_GRAY2BGR)
    if p.shape[2] == 3:
        p = np.dstack([p, np.full(p.shape[:2], 255, np.uint8)])
    return p


def resize(p, side):
    k = side / max(p.shape[:2])
    return cv2.resize(p, (max(round(p.shape[1] * k), 8), max(round(p.shape[0] * k), 8)), interpolation=cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC)


def part(p, rng):
    """Some part of a photograph or texture."""
    share = rng.uniform(.15, 1)
    h, w = (max(int(n * share), 16) for n in p.shape[:2])
    y, x = rng.integers(p.shape[0] - h + 1), rng.integers(p.shape[1] - w + 1)
    return resize(p[y:y + h, x:x + w, :3], SIDE)


def paste(p, rng):
    """A cut-out or drawing on one colour."""
    sheet = np.full((480, SIDE, 3), rng.integers(20, 256, 3), np.uint8)
    p = resize(p, int(rng.uniform(150, 460)))
    h, w = p.shape[:2]
    y, x = rng.integers(480 - h + 1), rng.integers(SIDE - w + 1)
    alpha = p[..., 3:] / 255.0
    sheet[y:y + h, x:x + w] = (p[..., :3] * alpha + sheet[y:y + h, x:x + w] * (1 - alpha) + .5).astype(np.uint8)
    return sheet


def text(rng):
    fonts = [f for f in range(8)]
    sheet = np.full((480, SIDE, 3), rng.integers(150, 256, 3), np.uint8)
    if rng.random() < .3:
        sheet = 255 - sheet
    ink, size = [int(v) for v in rng.integers(0, 120, 3)], rng.uniform(.4, 3)
    for y in range(int(20 * size), 480, int(34 * size) + 4):
        line = "".join(chr(rng.integers(33, 127)) if rng.random() < .85 else " " for _ in range(60))
        cv2.putText(sheet, line, (int(rng.integers(0, 30)), y), int(rng.choice(fonts)), size, ink, max(int(size * rng.uniform(.5, 3)), 1), cv2.LINE_AA)
    return sheet


def noise(rng):
    """Noise of one or several scales, grey or coloured."""
    sheet = np.zeros((480, SIDE, 3), np.float32)
    for octave in range(rng.integers(1, 6)):
        step = 2 ** int(rng.integers(0, 7))
        fine = rng.normal(0, 1, (480 // step + 2, SIDE // step + 2, 3)).astype(np.float32)
        if rng.random() < .5:
            fine[:] = fine[..., :1]
        sheet += cv2.resize(fine, (SIDE, 480), interpolation=cv2.INTER_CUBIC)
    return np.clip(127 + 50 * sheet / sheet.std(), 0, 255).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--art", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--each", type=int, default=1, help="how many pictures of each source picture of the fit")
    o = parser.parse_args()
    os.makedirs(o.out, exist_ok=True)
    files = lambda pattern: [f for f in sorted(glob.glob(o.art + "/**/" + pattern, recursive=True)) if not PEOPLE.search(f[len(o.art):])]
    stamps = files("tuxpaint/stamps/**/*.png")
    textures = [f for f in files("textures/**/*.jpg") + files("textures/**/*.tga")]
    clips = files("openclipart/png/**/*.png") + sorted(glob.glob(o.art + "/**/openclipart/png/people/*.png", recursive=True))
    half = lambda n: [f for f in clips if zlib.crc32(os.path.basename(f).encode()) % 2 == n]
    paper = [f for f in files("backgrounds/**/*.*") + files("wallpapers/**/*.*") if f.endswith(("jpg", "png", "webp"))]
    biggest = {}
    for f in paper:  # one size of each
        key = os.path.dirname(f) if "wallpapers" in f else f
        if key not in biggest or os.path.getsize(f) > os.path.getsize(biggest[key]):
            biggest[key] = f
    emoji = files("img/google/64/*.png")
    rng = np.random.default_rng(5)
    choose = lambda list, n: [list[i] for i in sorted(rng.permutation(len(list))[:n])]
    sets = {
        "fit": [("cut-out", f, paste) for f in o.each * stamps] + [("texture", f, part) for f in o.each * choose(textures, 600)]
             + [("drawing", f, paste) for f in o.each * choose(half(0), 1500)],
        "test": [("wallpaper", f, part) for f in 6 * sorted(biggest.values())] + [("drawing", f, paste) for f in choose(half(1), 400)]
              + [("emoji", f, paste) for f in choose(emoji, 200)] + [("text", None, text)] * 60 + [("noise", None, noise)] * 60,
    }
    for name, list in sets.items():
        rows = [["path", "set"]]
        for i, (kind, source, make) in enumerate(list):
            picture = read(source) if source else None
            if source and picture is None:
                continue
            path = "%s-%s-%04d.jpg" % (name, kind, i)
            cv2.imwrite(os.path.join(o.out, path), make(picture, rng) if source else make(rng), [cv2.IMWRITE_JPEG_QUALITY, 92])
            rows.append([path, kind])
        csv.writer(open(os.path.join(o.out, name + ".csv"), "w", newline="")).writerows(rows)
        print(name, len(rows) - 1)


if __name__ == "__main__":
    main()
