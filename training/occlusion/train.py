#!/usr/bin/python3
"""Trains the occlusion net (models/occlusion.onnx) on faces of training/occlusion/faces with things drawn over them.

    go run ./training/occlusion/faces --labels ../shared/data/pad/labels.csv --out training/occlusion/work
    /usr/bin/python3 training/occlusion/train.py --work training/occlusion/work --photos ../shared/data/faces/no_face_object
        [--samples 16000] [--epochs 9] [--out models/occlusion.onnx]

Two outputs, each a log odds: that something other than a medical mask, glasses, a beard, a hat, hair or a veil around the
face covers the face; that the mouth cannot be seen. People are split by a hash of their name: 70% train, 10% choose the
epoch and fit the calibration (Platt, written to occlusion.json), 20% test; so are the photographs that give textures.
"""
import argparse, glob, json, os, zlib
import cv2
import numpy as np
import torch
from torch import nn
from occluders import SIDE, compose

INPUT, MARGIN, STORED = 64, 1.4, 112  # pixels of the net's input; its crop over the box's height; pixels of a stored sample


def part(name):
    h = zlib.crc32(name.encode()) % 10
    return "test" if h < 2 else "choose" if h == 2 else "train"


def load(work, photos):
    meta = [json.loads(line) for line in open(os.path.join(work, "faces.jsonl"))]
    pixels = np.fromfile(os.path.join(work, "faces.rgb"), np.uint8).reshape(-1, SIDE, SIDE, 3)
    faces = {p: {} for p in ("train", "choose", "test")}
    for m, x in zip(meta, pixels):
        faces[part(m["person"])].setdefault(m["person"], []).append((x, [[q["x"], q["y"]] for q in m["landmarks"]]))
    pictures = {p: [] for p in faces}
    for i, f in enumerate(sorted(glob.glob(os.path.join(photos, "*")))):
        pictures["test" if i % 3 == 0 else "train"].append(cv2.cvtColor(cv2.imread(f), cv2.COLOR_BGR2RGB))
    pictures["choose"] = pictures["train"]
    return faces, pictures


def generate(seed, people, photos, n):
    """n samples; a person is drawn first, so that those with many pictures do not rule."""
    rng = np.random.default_rng(seed)
    names = sorted(people)
    xs, ys, kinds = np.empty((n, STORED, STORED, 3), np.uint8), np.empty((n, 2), np.int8), []
    for i in range(n):
        shots = people[names[rng.integers(len(names))]]
        image, landmarks = shots[rng.integers(len(shots))]
        out, drawn, occluded, mouth = compose(rng, image, landmarks, photos)
        xs[i], ys[i] = cv2.resize(out, (STORED, STORED), interpolation=cv2.INTER_AREA), (occluded, mouth)
        kinds.append("+".join(drawn) or "none")
    return xs, ys, kinds


def view(rng, x, jitter):
    """The net's crop of a stored sample, moved, turned, lit and spoilt as camera and codec do."""
    box = STORED / 2  # the face box's height in a stored sample
    scale, angle, dx, dy, flip = 1.0, 0.0, 0.0, 0.0, False
    if jitter:
        scale, angle = np.exp(rng.normal(0, .08)), rng.normal(0, 10)
        dx, dy, flip = rng.normal(0, .04) * box, rng.normal(0, .04) * box, rng.random() < .5
    m = cv2.getRotationMatrix2D((STORED / 2 + dx, STORED / 2 + dy), angle, INPUT / (box * MARGIN) * scale)
    m[:, 2] += INPUT / 2 - np.array([STORED / 2 + dx, STORED / 2 + dy])
    v = cv2.warpAffine(x, m, (INPUT, INPUT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if flip:
        v = v[:, ::-1]
    if jitter:
        v = v.astype(np.float32)
        if rng.random() < .3:
            v = cv2.GaussianBlur(v, (0, 0), rng.uniform(.3, 1.6))
        if rng.random() < .3:
            small = int(INPUT * rng.uniform(.35, .9))
            v = cv2.resize(cv2.resize(v, (small, small), interpolation=cv2.INTER_AREA), (INPUT, INPUT))
        if rng.random() < .3:  # light from one side
            a, strength = rng.uniform(0, 2 * np.pi), rng.exponential(1.0)
            yy, xx = np.mgrid[-1:1:INPUT * 1j, -1:1:INPUT * 1j]
            v = v / (1 + strength * np.clip(xx * np.cos(a) + yy * np.sin(a) + rng.uniform(-.3, .5), 0, None))[..., None]
        v = 255 * np.clip(v / 255, 0, 1) ** np.exp(rng.normal(0, .25))
        v = (v - 128) * np.exp(rng.normal(-.1, .35)) + 128 + rng.normal(0, 30)
        if rng.random() < .1:
            v = v * rng.uniform(.05, .5)
        v = v * np.exp(rng.normal(0, .06, 3))
        if rng.random() < .1:
            v = np.repeat(v.mean(2, keepdims=True), 3, 2)
        v = np.clip(v + rng.normal(0, rng.uniform(0, 6), v.shape), 0, 255).astype(np.uint8)
        if rng.random() < .4:
            v = cv2.imdecode(cv2.imencode(".jpg", v, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])[1], cv2.IMREAD_COLOR)
    v = v.astype(np.float32)
    return ((v - v.mean()) / (v.std() + 4)).transpose(2, 0, 1)


def block(i, o, stride):
    return nn.Sequential(nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(block(3, 16, 2), block(16, 24, 2), block(24, 40, 2), block(40, 48, 1), block(48, 64, 2), nn.Dropout2d(.1))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(.3), nn.Linear(64 * 16, 2))

    def forward(self, x):
        return self.head(self.body(x))


def auc(p, y):
    order = np.argsort(p)
    rank = np.empty(len(p)); rank[order] = np.arange(1, len(p) + 1)
    a, b = (y == 1).sum(), (y == 0).sum()
    return (rank[y == 1].sum() - a * (a + 1) / 2) / (a * b)


def answers(net, xs):
    net.eval()
    with torch.no_grad():
        return np.concatenate([net(torch.from_numpy(np.stack([view(None, x, False) for x in xs[i:i + 256]]))).numpy()
                               for i in range(0, len(xs), 256)])


def platt(z, y):
    """Slope and offset that make a log odds of z, by Newton's method, each label weighted one half."""
    w = np.where(y == 1, .5 / (y == 1).sum(), .5 / (y == 0).sum())
    a = np.array([1.0, 0.0]); x = np.stack([z, np.ones_like(z)], 1)
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ a))
        g = x.T @ (w * (p - y)) + 1e-4 * a
        a -= np.linalg.solve((x * (w * p * (1 - p))[:, None]).T @ x + 1e-4 * np.eye(2), g)
    return a


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", required=True); a.add_argument("--photos", required=True)
    a.add_argument("--samples", type=int, default=16000); a.add_argument("--epochs", type=int, default=9)
    a.add_argument("--out", default="models/occlusion.onnx"); a.add_argument("--seed", type=int, default=1)
    a = a.parse_args()
    torch.set_num_threads(1); torch.manual_seed(a.seed); cv2.setNumThreads(1)
    faces, photos = load(a.work, a.photos)
    for p in faces:
        print(p, len(faces[p]), "people", sum(map(len, faces[p].values())), "faces", flush=True)
    sets = {p: generate(a.seed + i, faces[p], photos[p], n) for i, (p, n) in
            enumerate((("train", a.samples), ("choose", a.samples // 10), ("test", a.samples // 10)))}
    print("drawn", flush=True)
    net, rng = Net(), np.random.default_rng(a.seed)
    batch = 64
    x, y, _ = sets["train"]
    steps = a.epochs * (len(x) // batch)
    opt = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-3)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, total_steps=steps)
    best, state = -1, None
    for epoch in range(a.epochs):
        net.train(); total = 0
        order = rng.permutation(len(x))
        for i in range(len(x) // batch):
            pick = order[i * batch:(i + 1) * batch]
            v = torch.from_numpy(np.stack([view(rng, x[j], True) for j in pick]))
            t = torch.from_numpy(y[pick].astype(np.float32))
            loss = nn.functional.binary_cross_entropy_with_logits(net(v), t.clamp(0, 1), reduction="none")
            loss = (loss * (t >= 0)).sum() / (t >= 0).sum()
            opt.zero_grad(); loss.backward(); opt.step(); plan.step(); total += loss.item()
        z, cy = answers(net, sets["choose"][0]), sets["choose"][1]
        areas = [auc(z[cy[:, k] >= 0, k], cy[cy[:, k] >= 0, k]) for k in range(2)]
        print(epoch, round(total / (len(x) // batch), 4), [round(v, 4) for v in areas], flush=True)
        if sum(areas) > best:
            best, state = sum(areas), {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(state)
    z, cy = answers(net, sets["choose"][0]), sets["choose"][1]
    fits = [platt(z[cy[:, k] >= 0, k], cy[cy[:, k] >= 0, k]) for k in range(2)]
    report(net, sets["test"], fits)
    net.eval()
    torch.onnx.export(net, torch.zeros(1, 3, INPUT, INPUT), a.out, input_names=["input"], output_names=["output"], opset_version=13)
    calibration = [{"slope": round(float(f[0]), 4), "offset": round(float(f[1]), 4)} for f in fits]
    with open(os.path.splitext(a.out)[0] + ".json", "w") as f:
        json.dump({"occluded": calibration[0], "mouth_covered": calibration[1]}, f, indent=2); f.write("\n")


def report(net, test, fits):
    """Alarms on people that were never seen, by what was drawn."""
    xs, y, kinds = test
    p = 1 / (1 + np.exp(-np.stack([answers(net, xs)[:, k] * fits[k][0] + fits[k][1] for k in range(2)], 1)))
    for k, name in enumerate(("occluded", "mouth covered")):
        said = y[:, k] >= 0
        print(f"{name}: AUC {auc(p[said, k], y[said, k]):.4f}; missed {((p[:, k] < .5) & (y[:, k] == 1)).sum()}/{(y[:, k] == 1).sum()}, "
              f"false alarms {((p[:, k] >= .5) & (y[:, k] == 0)).sum()}/{(y[:, k] == 0).sum()}")
        for kind in sorted({d.split("+")[-1] for d in kinds}):
            of = np.array([d.split("+")[-1] == kind for d in kinds])
            yes, no = of & (y[:, k] == 1), of & (y[:, k] == 0)
            print(f"  {kind:14s} missed {(p[yes, k] < .5).sum()}/{yes.sum()}, false alarms {(p[no, k] >= .5).sum()}/{no.sum()}")


if __name__ == "__main__":
    main()
