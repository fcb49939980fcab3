"""What looks at a face: frozen layers of an open network, fixed measures, heads and an expert that are trained on both."""
import math

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import nn

from faces import SIZE


class Backbone(nn.Module):
    """fr_liveness of npm faceplugin-face-recognition-js (MIT), frozen, with its inner layers pooled.

    Takes n x 3 x 128 x 128 BGR 0..255. Returns n log odds of class 0, bona fide, and n x FEATURES: the mean and the
    deviation of every channel at the end of its three stages, and its embedding.
    """

    OPERATORS = {
        "Conv": lambda a, x, w, b=None: F.conv2d(x, w, b, a["strides"], a["pads"][:2], 1, a["group"]),
        "PRelu": lambda a, x, w: F.prelu(x, w.flatten()),
        "Add": lambda a, x, y: x + y,
        "Mul": lambda a, x, y: x * y,
        "MatMul": lambda a, x, w: x @ w,
        "Relu": lambda a, x: F.relu(x),
        "Sigmoid": lambda a, x: torch.sigmoid(x),
        "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
        "Reshape": lambda a, x, shape: x.flatten(1),
        "BatchNormalization": lambda a, x, w, b, mean, var: F.batch_norm(x, mean, var, w, b, eps=a["epsilon"]),
    }
    SHAPES = {"Shape", "Constant", "Gather", "Unsqueeze", "Concat"}  # only compute Reshape's constant
    STAGES, EMBEDDING = ("440", "524", "564"), "581"  # values of its graph: 64, 128, 128 channels; 128 numbers
    FEATURES = 2 * (64 + 128 + 128) + 128

    def __init__(self, path):
        super().__init__()
        graph = onnx.load(path).graph
        for name, values in widened(graph).items():
            self.register_buffer(self._key(name), torch.tensor(values))
        self.steps = []
        for node in graph.node:
            if node.op_type not in self.SHAPES:
                attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
                self.steps.append((self.OPERATORS[node.op_type], attributes, list(node.input), node.output[0]))

    @staticmethod
    def _key(name):
        return "w" + name.replace(".", "_")

    def forward(self, x):
        values = {"input": x}

        def value(name):
            return values[name] if name in values else getattr(self, self._key(name), None)

        for operator, attributes, inputs, output in self.steps:
            values[output] = operator(attributes, *map(value, inputs))
        out, means, deviations = values["output"], [], []
        for stage in self.STAGES:
            planes = values[stage]
            middle = planes.mean((2, 3), keepdim=True)
            means.append(middle.flatten(1))
            deviations.append(((planes - middle) ** 2).mean((2, 3)).sqrt())
        features = torch.cat(means + deviations + [values[self.EMBEDDING]], 1)
        return out[:, 0] - torch.logsumexp(out[:, 1:], 1), features


def widened(graph, block=16):
    """The graph's constants, with the narrow layers' odd numbers of channels filled up with zeros to a multiple of block.

    They stand between two convolutions of one pixel, so that nothing changes but the time: ONNX Runtime has fast kernels
    for such multiples only. The attribute group of the layers' own convolutions is changed in the graph.
    """
    values = {t.name: numpy_helper.to_array(t).copy() for t in graph.initializer}
    users = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)

    def group(node):
        return next((a for a in node.attribute if a.name == "group"), None)

    def fill(names, axis, size):
        for name in names:
            amounts = [(0, 0)] * values[name].ndim
            amounts[axis] = (0, size - values[name].shape[axis])
            values[name] = np.pad(values[name], amounts)

    for first in graph.node:
        if first.op_type != "Conv" or values[first.input[1]].shape[0] % block == 0:
            continue
        size = -(-values[first.input[1]].shape[0] // block) * block
        fill(first.input[1:], 0, size)
        (node,) = users[first.output[0]]
        while node.op_type == "PRelu" or group(node).i > 1:
            fill(node.input[1:], 0, size)
            if node.op_type == "Conv":
                group(node).i = size
            (node,) = users[node.output[0]]
        fill(node.input[1:2], 1, size)
    return values


class Scale(nn.Module):
    """Numbers in deviations from their mean in the pictures that were trained on, bounded."""

    def __init__(self, x, bound=4):
        super().__init__()
        self.register_buffer("centre", x.mean(0))
        self.register_buffer("spread", x.std(0) + 1e-3)
        self.bound = bound

    def forward(self, x):
        return ((x - self.centre) / self.spread).clamp(-self.bound, self.bound)


class Head(nn.Module):
    """Logistic regression of n x k numbers: n log odds. wanted is the probability to learn, share each row's weight.

    moved is the numbers of pictures after and before a change that must not matter, and weights that add up to 1: still
    times the mean square of what the change does to the log odds is added to what is made small.
    """

    def __init__(self, x, wanted, share, pull, moved=None, still=0.03):
        super().__init__()
        self.scale = Scale(x)
        self.weight = nn.Parameter(torch.zeros(x.shape[1]))
        self.bias = nn.Parameter(torch.zeros(1))
        z = self.scale(x)
        if moved:
            after, before, weight = moved
            step = self.scale(after) - self.scale(before)

        def held():
            held_back = pull * self.weight.pow(2).sum()
            return held_back + still * (weight * (step @ self.weight).pow(2)).sum() if moved else held_back

        _fit(self.parameters(), lambda: z @ self.weight + self.bias, wanted, share, held)

    def forward(self, x):
        return self.scale(x) @ self.weight + self.bias


class Known(nn.Module):
    """Whether the camera that made a picture is one that was trained on: n log odds.

    They fall with the distance to the nearest group of pictures (Mahalanobis, in the covariance within groups): what
    people and dresses change within a group is disregarded, what tells cameras apart counts. groups numbers each row's
    group from 0; those of more than most rows count no more than that.
    """

    def __init__(self, x, groups, limit=0.275, softness=0.01, most=400, floor=0.3):
        super().__init__()
        self.scale, self.limit, self.softness = Scale(x), limit, softness
        z, size = self.scale(x), x.shape[1]
        members = [z[groups == k] for k in range(int(groups.max()) + 1)]
        share = torch.tensor([min(len(m), most) ** 0.5 for m in members])
        within = sum(s * torch.cov(m.T, correction=0) for s, m in zip(share / share.sum(), members))
        within = within.double() + floor * within.trace() / size * torch.eye(size)
        self.register_buffer("white", (torch.linalg.cholesky(torch.linalg.inv(within)) / size**0.5).float())
        centres = torch.stack([m.mean(0) for m in members]) @ self.white
        self.register_buffer("centres", centres.T.contiguous())
        self.register_buffer("squares", (centres * centres).sum(1))

    def forward(self, x):
        z = self.scale(x) @ self.white
        distance = ((z * z).sum(1, keepdim=True) + self.squares - 2 * z @ self.centres).amin(1)
        return (self.limit - distance) / self.softness


class Expert(nn.Module):
    """What the labels teach of cameras that were trained on: n log odds, worth nothing of other cameras' pictures.

    plain and moved are two looks at the same n pictures; worn has them in each dress, k x n rows. share is how often each
    picture is shown. Whatever a dress changes is added to what is made small.
    """

    HIDDEN, DROPPED, EPOCHS, BATCH = 128, 0.3, 400, 128

    def __init__(self, plain, moved, worn, live, share, still=0.05):
        super().__init__()
        torch.manual_seed(0)
        self.scale = Scale(plain)
        self.inner, self.outer = nn.Linear(plain.shape[1], self.HIDDEN), nn.Linear(self.HIDDEN, 1)
        plain, moved, worn = (self.scale(v) for v in (plain, moved, worn))
        steps = self.EPOCHS * len(plain) // (2 * self.BATCH)
        optimiser = torch.optim.AdamW(self.parameters(), lr=2e-3, weight_decay=0.1)
        pace = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            shown, twins = (torch.multinomial(share, self.BATCH, replacement=True) for _ in range(2))
            copies = twins + len(plain) * torch.randint(len(worn) // len(plain), (self.BATCH,))
            either = torch.rand(self.BATCH, 1) < 0.5
            odds = self.judge(torch.cat([torch.where(either, plain[shown], moved[shown]), plain[twins], worn[copies]]))
            wanted = live[torch.cat([shown, twins, twins])]
            change = odds[self.BATCH:2 * self.BATCH] - odds[2 * self.BATCH:]
            loss = F.binary_cross_entropy_with_logits(odds, wanted) + still * change.pow(2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            pace.step()
        self.eval()

    def judge(self, z):
        z = F.dropout(z, self.DROPPED, self.training)
        return self.outer(F.dropout(F.relu(self.inner(z)), self.DROPPED, self.training))[:, 0]

    def forward(self, x):
        return self.judge(self.scale(x))


def _fit(weights, odds, wanted, share, pull):
    """Finds the only minimum of the weighted cross entropy and the pull; nothing is random."""
    optimiser = torch.optim.LBFGS(list(weights), max_iter=100, line_search_fn="strong_wolfe")
    share = share / share.sum()

    def closure():
        optimiser.zero_grad()
        loss = F.binary_cross_entropy_with_logits(odds(), wanted, reduction="none")
        loss = (share * loss).sum() + pull()
        loss.backward()
        return loss

    optimiser.step(closure)


class Look(nn.Module):
    """66 fixed measures of colour, contrast, spectrum and sharpness of a face.

    Takes n x 3 x 128 x 128 BGR 0..255 and returns n x MEASURES.
    """

    EDGES = [2, 4, 6, 8, 12, 16, 20, 24, 30, 36, 43, 50, 57, 64]  # cycles a picture
    PEAKS = [4, 6, 8, 10]  # bands in which a single strong frequency (a display's or a print's grid) is looked for
    MEASURES = 20 + 3 * (len(EDGES) - 1) + len(PEAKS) + 3

    def __init__(self):
        super().__init__()
        k = torch.arange(SIZE).float()
        angle = 2 * math.pi * torch.remainder(k[:, None] * k[None], SIZE) / SIZE
        window = torch.hann_window(SIZE, periodic=False)
        half = SIZE // 2 + 1
        radius = torch.hypot((torch.fft.fftfreq(SIZE) * SIZE)[:, None], torch.arange(half).float()[None])
        bands = torch.stack([((radius >= a) & (radius < b)).float().flatten() for a, b in zip(self.EDGES, self.EDGES[1:])])
        for name, value in dict(
            window=window[:, None] * window, cos=angle.cos(), sin=angle.sin(), half_cos=angle.cos()[:, :half].clone(),
            half_sin=angle.sin()[:, :half].clone(), bands=(bands / bands.sum(1, keepdim=True)).T.contiguous(),
            laplace=torch.tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0.0]])[None, None],
            # Y, Cr, Cb of ITU-R BT.601, from BGR.
            colours=torch.tensor([[0.114, 0.587, 0.299], [-0.0813, -0.4187, 0.5], [0.5, -0.3313, -0.1687]]),
        ).items():
            self.register_buffer(name, value)

    def power(self, z):
        z = (z - mean(z)[:, None, None]) * self.window
        a, b = self.cos @ z, self.sin @ z
        real, imaginary = a @ self.half_cos - b @ self.half_sin, a @ self.half_sin + b @ self.half_cos
        return (real * real + imaginary * imaginary).flatten(1)

    def forward(self, x):
        b, g, r = x[:, 0], x[:, 1], x[:, 2]
        y, cr, cb = [(x * w[None, :, None, None]).sum(1) for w in self.colours]
        least, most = x.amin(1), x.amax(1)
        saturation = (most - least) / (most + 8)
        coarse = F.avg_pool2d(y[:, None], 4)[:, 0]
        out = [
            mean(y) / 64, deviation(y) / 64, (deviation(y) + 2).log() - (mean(y) + 5).log(),
            mean(torch.sigmoid((y - 245) / 2)), mean(torch.sigmoid((10 - y) / 2)),
            coarse.amax((1, 2)) / 64, coarse.amin((1, 2)) / 64,
            mean(cr) / 8, mean(cb) / 8, (deviation(cr) + 0.3).log(), (deviation(cb) + 0.3).log(),
            mean(saturation), deviation(saturation), mean(least) / 64,
            (mean(b) + 5).log() - (mean(r) + 5).log(), (mean(g) + 5).log() - (mean(r) + 5).log(),
            correlation(cr, y), correlation(cb, y), correlation(cr, cb), correlation(saturation, y),
        ]
        contrast = (deviation(y) + 3)[:, None, None]
        for plane in (y, cr, cb):
            power = self.power(plane / contrast)
            energy = power @ self.bands
            out += list((energy + 1e-3).log().unbind(1))
            if plane is y:
                out += [((power * (self.bands[:, k] > 0)).amax(1) + 1e-3).log() - (energy[:, k] + 1e-3).log() for k in self.PEAKS]
        edges = F.conv2d(y[:, None], self.laplace)[:, 0]
        variance = mean(edges * edges)
        out += [(mean((edges * edges) ** 2) + 1).log() - 2 * (variance + 1).log(), (variance + 1).log(),
                (mean(edges.abs()) + 0.3).log() - 0.5 * (variance + 0.1).log()]
        return torch.stack(out, 1)


class Pad(nn.Module):
    """All of it in one graph: two crops of 1 x 3 x 128 x 128 BGR 0..255 in, for each of PARTS 1 x 2 logits out."""

    PARTS = ("around", "face", "original", "look_loose", "look_tight", "expert", "known")

    def __init__(self, backbone, around, face, loose, tight, expert, known):
        super().__init__()
        self.backbone, self.look = backbone, Look()
        self.around, self.face, self.loose, self.tight, self.expert, self.known = around, face, loose, tight, expert, known

    def forward(self, around, face):
        original, wide = self.backbone(around)
        _, close = self.backbone(face)
        return tuple(F.pad(odds[:, None], (0, 1)) for odds in self.odds(wide, original, close, self.look(face)))

    def odds(self, wide, original, close, look):
        """n log odds of each of PARTS, of the features of both crops, the network's own odds, and the look."""
        return (self.around(wide), self.face(torch.cat([close, look], 1)), original, self.loose(look), self.tight(look),
                self.expert(torch.cat([wide, close, look], 1)), self.known(wide))

    def export(self, path):
        crops = tuple(torch.rand(1, 3, SIZE, SIZE) * 255 for _ in range(2))
        torch.onnx.export(self, crops, path, opset_version=13, input_names=["around", "face"], output_names=self.PARTS)


def mean(a):
    return a.mean((1, 2))


def deviation(a):
    return (mean((a - mean(a)[:, None, None]) ** 2) + 0.01).sqrt()


def correlation(a, b):
    a, b = a - mean(a)[:, None, None], b - mean(b)[:, None, None]
    return mean(a * b) / ((mean(a * a) * mean(b * b)).sqrt() + 1)


def tensor(pictures):
    """n SIZE x SIZE x 3 byte pictures as a float batch."""
    batch = torch.from_numpy(np.ascontiguousarray(np.stack(pictures))).permute(0, 3, 1, 2)
    return batch.float().contiguous(memory_format=torch.channels_last)
