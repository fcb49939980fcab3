#!/usr/bin/python3
"""Trains the occlusion net (models/occlusion.onnx) on faces of training/occlusion/faces with things drawn over them, on pictures of no person,
and on drawings of people that the finder takes for faces.

    make -C training occlusion     (fetches the pictures of hands and things, draws people, cuts the faces out, trains, prints the card's tables)
    /usr/bin/python3 training/occlusion/train.py --work training/occlusion/work --photos ../shared/data/faces/no_face_object
        [--samples 40000] [--epochs 8] [--models models]

Three outputs, each a log odds: that something other than a medical mask, glasses, a beard, a hat, hair or a veil around the
face covers the face; that the mouth cannot be seen; that there is a person's face at all, covered or not. While it trains, the net also says where: that teaches it more from few
people, and is cut off afterwards. People are split by a hash of their name: 70% train, 10% choose the
epoch and fit the calibration (Platt, written to occlusion.json), 20% test; what is drawn over the test's people is drawn with
other things (occluders.Props).
"""
import argparse, csv, hashlib, json, os, zlib
import cv2
import numpy as np
import torch
from torch import nn
from occluders import SIDE, Face, Props, compose, flatten, nothing

INPUT, STORED, WHERE = 96, 128, 12  # pixels of the net's input, of a stored sample, of the map of what is covered
# Where the eyes' centres, the nose's base and the mouth's centre come to, in pixels of the input; internal/quality has the same.
PLACES = np.float32([(36.5, 40), (59.5, 40), (48, 54), (48, 65)])
TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "covered.csv")


def part(name):
    h = zlib.crc32(name.encode()) % 10
    return "test" if h < 2 or name.startswith("pourfard") else "choose" if h == 2 else "train"


def cut(work):
    """What training/occlusion/faces cut out: what is said of each face, its pixels, and its landmarks."""
    meta = [json.loads(line) for line in open(os.path.join(work, "faces.jsonl"))]
    pixels = np.fromfile(os.path.join(work, "faces.rgb"), np.uint8).reshape(-1, SIDE, SIDE, 3)
    for m, x in zip(meta, pixels):
        yield m, x, np.float32([[q["x"], q["y"]] for q in m["landmarks"]])


def load_drawn(work):
    """Drawings of people of each part; those of the test are of other families."""
    drawn = {p: [] for p in ("train", "choose", "test")}
    for m, x, landmarks in cut(os.path.join(work, "drawn")):
        test = m["path"].startswith("test-")
        drawn["test" if test else "choose" if zlib.crc32(m["person"].encode()) % 10 == 0 else "train"].append((x, landmarks))
    return drawn


def load(work, photos):
    """The faces and the props of each part; faces by person, each its pixels and landmarks. Faces that something covers (covered.csv) are left out."""
    covered = {r["path"] for r in csv.DictReader(open(TABLE))}
    faces = {p: {} for p in ("train", "choose", "test")}
    for m, x, landmarks in cut(work):
        if m["path"] not in covered:
            faces[part(m["person"])].setdefault(m["person"], []).append((x, landmarks))
    train = Props(work, photos, test=False)
    return faces, {"train": train, "choose": train, "test": Props(work, photos, test=True)}


def straighten(landmarks):
    """The map from a face's picture to a stored sample: the net's crop, with as much around it as the jitter needs."""
    l = np.asarray(landmarks, np.float64)
    f = np.stack([l[36:42].mean(0), l[42:48].mean(0), l[33], l[48:60].mean(0)])
    o = PLACES + (STORED - INPUT) / 2
    fc, oc = f - f.mean(0), o - o.mean(0)
    a, b = (fc * oc).sum() / (fc ** 2).sum(), (fc[:, 0] * oc[:, 1] - fc[:, 1] * oc[:, 0]).sum() / (fc ** 2).sum()
    m = np.array([[a, -b, 0], [b, a, 0]])
    m[:, 2] = o.mean(0) - m[:, :2] @ f.mean(0)
    return m


def cached(make, work, name, seed, people, props, n):
    """The samples of generate or generate_empty, made a thousand at a time, each thousand kept in a file, so that a stopped run goes on."""
    parts = []
    for k in range(0, n, 1000):
        path = os.path.join(work, f"{name}-{seed}-{k}.npz")
        if not os.path.exists(path):
            x, y, maps, kinds = make((seed, k), people, props, min(1000, n - k))
            np.savez(path + ".part.npz", x=x, y=y, maps=maps, kinds=np.array(kinds))
            os.replace(path + ".part.npz", path)
        parts.append(np.load(path))
        print(name, k, flush=True)
    return tuple(np.concatenate([p[key] for p in parts]) for key in ("x", "y", "maps", "kinds"))


def generate(seed, people, props, n):
    """n samples: pictures; labels (occluded, mouth covered, a face: 1, 0 or -1); where it is covered, by what occludes, by what hides,
    and where the face is; what was drawn. A person is drawn first, so that those with many pictures do not rule."""
    rng = np.random.default_rng(seed)
    names = sorted(people)
    xs, ys, kinds = np.empty((n, STORED, STORED, 3), np.uint8), np.empty((n, 3), np.int8), []
    maps = np.empty((n, STORED // 4, STORED // 4, 3), np.uint8)
    for i in range(n):
        shots = people[names[rng.integers(len(names))]]
        image, landmarks = shots[rng.integers(len(shots))]
        c = compose(rng, image, landmarks, props)
        m = straighten(landmarks)
        picture = tight(rng, c.picture, landmarks) if rng.random() < .1 else c.picture
        if rng.random() < .25:
            picture = flatten(rng, picture)
        xs[i] = cv2.warpAffine(picture, m, (STORED, STORED), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        where = np.dstack([c.covered, c.hidden, Face(landmarks).region()])
        maps[i] = cv2.warpAffine(where, m / 4, (STORED // 4, STORED // 4), flags=cv2.INTER_LINEAR) * 255
        ys[i] = c.occluded, c.mouth, visible(maps[i])
        kinds.append("+".join(c.drawn) or "none")
    return xs, ys, maps, kinds


def visible(maps):
    """1 where at least a quarter of the face is free, else -1."""
    covered, _, face = (maps.astype(np.float32) / 255).transpose(2, 0, 1)
    return 1 if (covered * face).sum() < .75 * face.sum() else -1


def generate_empty(seed, people, props, n):
    """Samples of no person, as those of generate; nothing is said of what covers a face."""
    rng = np.random.default_rng(seed)
    shots = [s for name in sorted(people) for s in people[name]]
    xs, ys, maps, kinds = np.empty((n, STORED, STORED, 3), np.uint8), np.full((n, 3), -1, np.int8), np.zeros((n, STORED // 4, STORED // 4, 3), np.uint8), []
    ys[:, 2] = 0
    for i in range(n):
        image, landmarks = shots[rng.integers(len(shots))]
        image, drawn = nothing(rng, image, landmarks, props)
        xs[i] = cv2.warpAffine(image, straighten(landmarks), (STORED, STORED), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        kinds.append("+".join(drawn))
    return xs, ys, maps, kinds


def generate_drawn(seed, drawn, props, n):
    """Samples of drawn people, some with a thing drawn over them, as those of generate_empty: they are no people either."""
    rng = np.random.default_rng(seed)
    xs, ys, maps = np.empty((n, STORED, STORED, 3), np.uint8), np.full((n, 3), -1, np.int8), np.zeros((n, STORED // 4, STORED // 4, 3), np.uint8)
    ys[:, 2] = 0
    for i in range(n):
        image, landmarks = drawn[rng.integers(len(drawn))]
        if rng.random() < .25:
            image = compose(rng, image, landmarks, props).picture
        xs[i] = cv2.warpAffine(image, straighten(landmarks), (STORED, STORED), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return xs, ys, maps, ["drawn person"] * n


def tight(rng, image, landmarks):
    """The picture as it is seen where it ends near the face: its edge repeats."""
    low, high = landmarks.min(0), landmarks.max(0)
    left, top = (np.clip(low - (high - low) * [1, 1.4] * rng.uniform(0, .35, 2), 0, SIDE - 2)).astype(int)
    right, bottom = (np.clip(high + (high - low) * rng.uniform(0, .35, 2), [left + 1, top + 1], SIDE)).astype(int)
    return cv2.copyMakeBorder(image[top:bottom, left:right], top, SIDE - bottom, left, SIDE - right, cv2.BORDER_REPLICATE)


def view(rng, x, jitter, where=None):
    """The net's crop of a stored sample, moved, turned, lit and spoilt as camera and codec do; and the map that goes with it."""
    scale, angle, dx, dy, flip = 1.0, 0.0, 0.0, 0.0, False
    if jitter:
        lost = rng.choice([1, 2.2, 4], p=[.65, .25, .1])  # what covers a face may mislead the landmarks
        scale, angle = np.exp(rng.normal(0, .08 * lost)), rng.normal(0, 7 * lost)
        (dx, dy), flip = rng.normal(0, .035 * lost, 2) * INPUT, rng.random() < .5
    m = cv2.getRotationMatrix2D((STORED / 2 + dx, STORED / 2 + dy), angle, scale)
    m[:, 2] += INPUT / 2 - np.array([STORED / 2 + dx, STORED / 2 + dy])
    v = cv2.warpAffine(x, m, (INPUT, INPUT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if where is not None:
        k = m.copy()
        k[:, :2] *= 4 * WHERE / INPUT  # from the stored map to a small one
        k[:, 2] *= WHERE / INPUT
        where = cv2.warpAffine(cv2.blur(where, (2, 2)), k, (WHERE, WHERE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        where = np.ascontiguousarray(where[:, ::-1] if flip else where).transpose(2, 0, 1)
    if flip:
        v = v[:, ::-1]
    if jitter:
        v = degrade(rng, v)
    v = v.astype(np.float32)
    return ((v - v.mean()) / (v.std() + 4)).transpose(2, 0, 1), where


ACROSS, DOWN = (k.astype(np.float32) for k in np.meshgrid(np.linspace(-1, 1, INPUT), np.linspace(-1, 1, INPUT)))


def degrade(rng, v):
    if rng.random() < .3:
        v = cv2.GaussianBlur(v, (0, 0), rng.uniform(.3, 1.8))
    if rng.random() < .3:
        small = int(INPUT * rng.uniform(.35, .9))
        v = cv2.resize(cv2.resize(v, (small, small), interpolation=cv2.INTER_AREA), (INPUT, INPUT))
    if rng.random() < .3:  # light from one side
        a, strength = rng.uniform(0, 2 * np.pi), np.float32(rng.exponential(1.0))
        side = ACROSS * np.float32(np.cos(a)) + DOWN * np.float32(np.sin(a)) + np.float32(rng.uniform(-.3, .5))
        v = (v / (1 + strength * np.maximum(side, 0))[..., None]).astype(np.uint8)
    tone = 255 * (np.arange(256)[:, None] / 255) ** np.exp(rng.normal(0, .25))
    tone = (tone - 128) * np.exp(rng.normal(-.1, .35)) + 128 + rng.normal(0, 30)
    if rng.random() < .1:
        tone = tone * rng.uniform(.05, .5)
    tone = tone * np.exp(rng.normal(0, .06, 3))
    v = cv2.LUT(v, np.clip(tone, 0, 255).astype(np.uint8)[None])
    if rng.random() < .12:
        v = cv2.cvtColor(cv2.cvtColor(v, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < .5:
        noise = rng.standard_normal(v.shape, np.float32) * np.float32(rng.uniform(0, 9))
        v = np.clip(v + noise, 0, 255).astype(np.uint8)
    if rng.random() < .4:
        v = cv2.imdecode(cv2.imencode(".jpg", v, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])[1], cv2.IMREAD_COLOR)
    return v


def block(i, o, stride=1):
    return nn.Sequential(nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class Residual(nn.Module):
    """A block that adds to what it is given."""

    def __init__(self, n):
        super().__init__()
        self.block = block(n, n)

    def forward(self, x):
        return x + self.block(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(block(3, 16, 2), block(16, 32, 2), Residual(32), block(32, 48, 2), block(48, 64), Residual(64))
        self.where, self.back = nn.Conv2d(64, 2, 1), nn.Conv2d(2, 64, 1)
        self.neck = nn.Sequential(block(64, 64, 2), Residual(64), nn.Dropout2d(.1))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(.3), nn.Linear(64 * 36, 3))

    def both(self, x):
        """The three log odds, and the map's: 2 x WHERE x WHERE."""
        f = self.body(x)
        where = self.where(f)
        return self.head(self.neck(f + self.back(torch.sigmoid(where)))), where

    def forward(self, x):
        return self.both(x)[0]


def loss_of(net, x, y, where):
    z, map_ = net.both(x)
    bce = nn.functional.binary_cross_entropy_with_logits
    loss = bce(z, y.clamp(0, 1) * .98 + .01, reduction="none")
    loss = (loss * (y >= 0)).sum() / (y >= 0).sum()
    weight = where[:, 2:] / 255
    there = bce(map_, where[:, :2] / 255, reduction="none")
    return loss + (there * weight).sum() / weight.sum() / 2


def auc(p, y):
    order = np.argsort(p)
    rank = np.empty(len(p)); rank[order] = np.arange(1, len(p) + 1)
    a, b = (y == 1).sum(), (y == 0).sum()
    return (rank[y == 1].sum() - a * (a + 1) / 2) / (a * b)


def run_net(net, xs):
    net.eval()
    with torch.no_grad():
        return np.concatenate([net(torch.from_numpy(np.stack([view(None, x, False)[0] for x in xs[i:i + 256]]))).numpy()
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


def fit_net(net, data, epochs, batch, choose, rng, saved):
    """Trains, and leaves the net as it was after the epoch that was best on those who choose; saved is where a stopped run goes on."""
    x, y, maps, _ = data
    steps = epochs * (len(x) // batch)
    opt = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-3)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, total_steps=steps)
    best, state, first = -1, None, 0
    if os.path.exists(saved):
        cached = torch.load(saved)
        net.load_state_dict(cached["net"]); opt.load_state_dict(cached["opt"]); plan.load_state_dict(cached["plan"])
        best, state, first = cached["best"], cached["state"], cached["epoch"] + 1
    for epoch in range(first, epochs):
        net.train(); total = 0
        order = rng.permutation(len(x))
        for i in range(len(x) // batch):
            pick = order[i * batch:(i + 1) * batch]
            views = [view(rng, x[j], True, maps[j]) for j in pick]
            v, w = (torch.from_numpy(np.stack(k).astype(np.float32)) for k in zip(*views))
            loss = loss_of(net, v, torch.from_numpy(y[pick].astype(np.float32)), w)
            opt.zero_grad(); loss.backward(); opt.step(); plan.step(); total += loss.item()
        z, cy = run_net(net, choose[0]), choose[1]
        areas = [auc(z[cy[:, k] >= 0, k], cy[cy[:, k] >= 0, k]) for k in range(3)]
        print(epoch, round(total / (len(x) // batch), 4), [round(v, 4) for v in areas], flush=True)
        if sum(areas) > best:
            best, state = sum(areas), {k: v.clone() for k, v in net.state_dict().items()}
        torch.save({"net": net.state_dict(), "opt": opt.state_dict(), "plan": plan.state_dict(), "best": best, "state": state, "epoch": epoch}, saved)
    net.load_state_dict(state)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", required=True); a.add_argument("--photos", required=True)
    a.add_argument("--samples", type=int, default=40000); a.add_argument("--epochs", type=int, default=8)
    a.add_argument("--models", default="models"); a.add_argument("--seed", type=int, default=1)
    a = a.parse_args()
    torch.set_num_threads(1); torch.manual_seed(a.seed); cv2.setNumThreads(1)
    (faces, props), drawn = load(a.work, a.photos), load_drawn(a.work)
    for p in faces:
        print(p, len(faces[p]), "people", sum(map(len, faces[p].values())), "faces", len(drawn[p]), "drawings", flush=True)
    def samples(p, seed, n):
        parts = (cached(generate, a.work, p, seed, faces[p], props[p], n), cached(generate_empty, a.work, p + "-empty", seed, faces[p], props[p], n // 5),
                 cached(generate_drawn, a.work, p + "-drawn", seed, drawn[p], props[p], n // 6))
        return tuple(np.concatenate(part) for part in zip(*parts))

    choose = samples("choose", a.seed + 1, a.samples // 10)
    net = Net()
    fit_net(net, samples("train", a.seed, a.samples), a.epochs, 64, choose, np.random.default_rng(a.seed), os.path.join(a.work, f"{a.seed}-{a.samples}-{a.epochs}.pt"))
    z, cy = run_net(net, choose[0]), choose[1]
    fits = [platt(z[cy[:, k] >= 0, k], cy[cy[:, k] >= 0, k]) for k in range(3)]
    export(net, fits, a.models)
    report(net, samples("test", a.seed + 2, a.samples // 8), fits)


def export(net, fits, models):
    """Writes the weights, the calibration and the manifest's row."""
    net.eval()
    path = os.path.join(models, "occlusion.onnx")
    torch.onnx.export(net, torch.zeros(1, 3, INPUT, INPUT), path, input_names=["input"], output_names=["output"], opset_version=13)
    calibration = [{"slope": round(float(f[0]), 4), "offset": round(float(f[1]), 4)} for f in fits]
    with open(os.path.join(models, "occlusion.json"), "w") as f:
        json.dump({"occluded": calibration[0], "mouth_covered": calibration[1], "face": calibration[2]}, f, indent=2); f.write("\n")
    manifest = os.path.join(models, "manifest.json")
    rows = json.load(open(manifest))
    data = open(path, "rb").read()
    row = next(m for m in rows["models"] if m["id"] == "occlusion")
    row["sha256"], row["bytes"] = hashlib.sha256(data).hexdigest(), len(data)
    with open(manifest, "w") as f:
        json.dump(rows, f, indent=2, ensure_ascii=False); f.write("\n")


def report(net, test, fits):
    """Alarms on people that were never seen, by what was drawn."""
    xs, y, _, kinds = test
    p = 1 / (1 + np.exp(-np.stack([run_net(net, xs)[:, k] * fits[k][0] + fits[k][1] for k in range(3)], 1)))
    for k, name in enumerate(("occluded", "mouth covered", "face")):
        said = y[:, k] >= 0
        print(f"{name}: AUC {auc(p[said, k], y[said, k]):.4f}; missed {((p[:, k] < .5) & (y[:, k] == 1)).sum()}/{(y[:, k] == 1).sum()}, "
              f"false alarms {((p[:, k] >= .5) & (y[:, k] == 0)).sum()}/{(y[:, k] == 0).sum()}")
        for kind in sorted({d.split("+")[-1] for d in kinds}):
            of = np.array([d.split("+")[-1] == kind for d in kinds])
            yes, no = of & (y[:, k] == 1), of & (y[:, k] == 0)
            print(f"  {kind:14s} missed {(p[yes, k] < .5).sum()}/{yes.sum()}, false alarms {(p[no, k] >= .5).sum()}/{no.sum()}")


if __name__ == "__main__":
    main()
