#!/usr/bin/python3
"""Renders hands in random poses, for occluders.py to lay over faces.

    /usr/bin/python3 training/occlusion/hands.py --mesh generic-hand/left.glb --out training/occlusion/work/hands.npy [--count 600]

The mesh (MIT; training/Makefile fetches it) is that of a left hand with 25 joints; right ones are mirror images. Each hand is 160 x 160 x 3 bytes: how bright
it is (200 for skin in plain light), how red (128 as the skin, more at the finger tips and knuckles), and its coverage. The fingers point up, the wrist is at
the lower edge or beyond.
"""
import argparse, json, struct
import cv2
import numpy as np

SIZE = 160
FINGERS = ("thumb", "index-finger", "middle-finger", "ring-finger", "pinky-finger")


def quaternion(q):
    x, y, z, w = q
    return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                     [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                     [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])


def about(axis, degrees):
    v = np.zeros(3); v[axis] = np.deg2rad(degrees)
    return cv2.Rodrigues(v)[0]


class Mesh:
    """The skinned mesh of a glTF binary: vertices, triangles, joints in their rest pose."""

    def __init__(self, path):
        data = open(path, "rb").read()
        n = struct.unpack("<I", data[12:16])[0]
        self.tree, self.bytes = json.loads(data[20:20 + n]), data[28 + n:]
        part = self.tree["meshes"][0]["primitives"][0]
        read = lambda name: self.array(part["attributes"][name])
        self.points, self.weights, self.owners = read("POSITION"), read("WEIGHTS_0"), read("JOINTS_0").astype(int)
        self.triangles = self.array(part["indices"]).reshape(-1, 3).astype(int)
        skin = self.tree["skins"][0]
        self.inverse = self.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        nodes = [self.tree["nodes"][j] for j in skin["joints"]]
        self.names = [n["name"] for n in nodes]
        self.rest = np.stack([self.matrix(n) for n in nodes])

    def array(self, index):
        a = self.tree["accessors"][index]
        view = self.tree["bufferViews"][a["bufferView"]]
        kind = {5126: np.float32, 5121: np.uint8, 5123: np.uint16}[a["componentType"]]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[a["type"]]
        return np.frombuffer(self.bytes, kind, a["count"] * width, view.get("byteOffset", 0) + a.get("byteOffset", 0)).reshape(-1, width).squeeze()

    @staticmethod
    def matrix(node):
        m = np.eye(4)
        m[:3, :3], m[:3, 3] = quaternion(node.get("rotation", (0, 0, 0, 1))), node.get("translation", (0, 0, 0))
        return m

    def bones(self, finger):
        parts = ("metacarpal", "phalanx-proximal", "phalanx-intermediate", "phalanx-distal", "tip")
        return [self.names.index(f"{finger}-{p}") for p in parts if f"{finger}-{p}" in self.names]

    def posed(self, bends):
        """The vertices, and the joints' places, with turned joints: bends maps a joint to a rotation in its own frame."""
        world = self.rest.copy()
        for finger in FINGERS:
            chain = self.bones(finger)
            total = None
            for i, j in enumerate(chain):
                if i > 0:
                    world[j] = world[chain[i - 1]] @ np.linalg.inv(self.rest[chain[i - 1]]) @ self.rest[j]
                if j in bends:
                    turn = np.eye(4); turn[:3, :3] = bends[j]
                    world[j] = world[j] @ turn
        skin = world @ self.inverse
        at = np.einsum("vkij,vj->vki", skin[self.owners][..., :3, :], np.c_[self.points, np.ones(len(self.points))])
        return (at * self.weights[..., None]).sum(1), world[:, :3, 3]


def pose(rng, mesh):
    """Bends of a hand that rests on something, points, grips or makes a fist."""
    kind = rng.choice(["flat", "loose", "grip", "fist", "free"], p=[.32, .3, .18, .08, .12])
    centre = {"flat": 5, "loose": 28, "grip": 50, "fist": 80, "free": 40}[kind]
    spread = rng.uniform(-3, 14) if kind in ("flat", "loose") else rng.uniform(-3, 5)
    bends, common = {}, rng.normal(0, 8)
    for k, finger in enumerate(FINGERS):
        chain = mesh.bones(finger)
        own = rng.normal(0, 6) if kind != "free" else rng.choice([0, 75]) + rng.normal(0, 10)
        flex = np.clip(centre + common + own, -8, 92)
        if finger == "thumb":
            bends[chain[0]] = about(0, -flex * .2 + rng.normal(0, 8)) @ about(1, rng.normal(0, 10))
            bends[chain[1]] = about(0, -flex * .4)
            bends[chain[2]] = about(0, -flex * .5)
            continue
        bends[chain[1]] = about(0, -flex) @ about(1, (2.5 - k) * spread)
        bends[chain[2]] = about(0, -np.clip(flex * rng.uniform(.8, 1.2), 0, 105))
        bends[chain[3]] = about(0, -np.clip(flex * .6, 0, 70))
    return bends


def render(rng, mesh):
    points, joints = mesh.posed(pose(rng, mesh))
    # The frame of the palm: up along the middle finger's metacarpal, out of the hand's back.
    name = lambda n: joints[mesh.names.index(n)]
    up = name("middle-finger-phalanx-proximal") - name("wrist"); up /= np.linalg.norm(up)
    across = name("index-finger-phalanx-proximal") - name("pinky-finger-phalanx-proximal")
    across -= up * (across @ up); across /= np.linalg.norm(across)
    frame = np.stack([across, up, np.cross(across, up)])
    tilt = rng.normal(4, 20)  # the fingers' tips nearer (above 0) or the wrist
    view = about(0, tilt) @ about(1, rng.choice([0, 180], p=[.7, .3]) + rng.normal(0, 28)) @ frame
    p = (points - name("middle-finger-metacarpal")) @ view.T
    wrist = (name("wrist") - name("middle-finger-metacarpal")) @ view.T
    p[:, :2] /= 1 - p[:, 2:] / rng.uniform(.35, 1.5)  # a near camera: the nearer, the larger
    knuckle = (name("middle-finger-phalanx-proximal") - name("middle-finger-metacarpal")) @ view.T
    scale = SIZE / .22
    at = np.stack([SIZE / 2 + p[:, 0] * scale, SIZE * .68 - p[:, 1] * scale], 1)
    corners = p[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    if normals[corners[:, :, 2].mean(1) > np.quantile(p[:, 2], .8)][:, 2].mean() < 0:
        normals = -normals
    light = np.array([rng.normal(0, .8), rng.normal(.5, .6), 1.0]); light /= np.linalg.norm(light)
    soft = rng.uniform(.35, .75)
    bright = soft + (1 - soft) * np.clip(normals @ light, 0, 1)
    tips = np.stack([joints[mesh.bones(f)[-1]] for f in FINGERS] + [joints[mesh.bones(f)[-3]] for f in FINGERS[1:]])
    near = np.linalg.norm(points[mesh.triangles].mean(1)[:, None] - tips[None], axis=2).min(1)
    red = 128 + rng.uniform(10, 60) * np.exp(-(near / .013) ** 2)
    out, depth = np.zeros((SIZE, SIZE, 3), np.float32), np.full((SIZE, SIZE), p[:, 2].min(), np.float32)
    arm = lambda: forearm(rng, (out, depth), at, SIZE / 2 + wrist[0] * scale, SIZE * .68 - wrist[1] * scale, wrist[2], soft, light)
    if tilt > 0:
        arm()
    for i in np.argsort(corners[:, :, 2].mean(1)):
        if normals[i, 2] <= 0:
            continue
        shape = np.round(at[mesh.triangles[i]] * 16).astype(np.int32)
        cv2.fillConvexPoly(out, shape, (200 * float(bright[i]), float(red[i]), 255), cv2.LINE_8, 4)
        cv2.fillConvexPoly(depth, shape, float(corners[i, :, 2].mean()), cv2.LINE_8, 4)
    if tilt <= 0:
        arm()
    # What lies behind something near is darker.
    hollow = np.clip(cv2.GaussianBlur(depth, (0, 0), 4) - depth, 0, .02) / .02
    out[..., 0] *= 1 - rng.uniform(.3, .8) * hollow
    smooth = cv2.GaussianBlur(out, (0, 0), 1.2)
    out[..., :2] = smooth[..., :2] / np.maximum(smooth[..., 2:] / 255, .05)
    creases = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)).astype(np.float32), (0, 0), rng.uniform(1, 3))
    out[..., 0] += creases * rng.uniform(0, 14)
    out[..., 2] = cv2.GaussianBlur(out[..., 2], (0, 0), .6)
    if rng.random() < .5:
        out = out[:, ::-1]
    return np.clip(out, 0, 255).astype(np.uint8)


def forearm(rng, layers, at, x, y, z, soft, light):
    """A cylinder from the wrist to the lower edge and beyond."""
    out, depth = layers
    band = at[np.abs(at[:, 1] - y) < SIZE * .05]
    width = np.ptp(band[:, 0]) if len(band) > 3 else SIZE * .25
    lean = rng.normal(0, .35)
    for row in range(max(int(y - 4), 0), SIZE):
        centre, half = x + lean * (row - y), width * .46 * (1 + .25 * (row - y) / SIZE)
        a, b = int(max(centre - half, 0)), int(min(centre + half, SIZE))
        if a < b:
            n = (np.arange(a, b) - centre) / half
            out[row, a:b, 0] = 200 * (soft + (1 - soft) * np.clip(n * light[0] + np.sqrt(np.clip(1 - n * n, 0, 1)) * light[2], 0, 1))
            out[row, a:b, 1:] = 128, 255
            depth[row, a:b] = z


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--mesh", required=True); a.add_argument("--out", required=True); a.add_argument("--count", type=int, default=600)
    a = a.parse_args()
    cv2.setNumThreads(1)
    rng, mesh = np.random.default_rng(3), Mesh(a.mesh)
    np.save(a.out, np.stack([render(rng, mesh) for _ in range(a.count)]))


if __name__ == "__main__":
    main()
