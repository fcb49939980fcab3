"""The two networks: a student that starts from fr_liveness' weights, and a look at colour and spectrum."""
import math

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import nn

from faces import SIZE


class Student(nn.Module):
    """An ONNX classifier (fr_liveness of npm faceplugin-face-recognition-js, MIT) whose weights can be trained.

    Takes n x 3 x 128 x 128 BGR 0..255 and returns n log odds of class 0, bona fide.
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

    def __init__(self, path):
        super().__init__()
        self.graph = onnx.load(path)
        self.weights = nn.ParameterDict()
        self.fixed = {}
        for tensor in self.graph.graph.initializer:
            value = torch.tensor(numpy_helper.to_array(tensor).copy())
            if value.dtype == torch.float32 and "running" not in tensor.name:
                self.weights[self._key(tensor.name)] = nn.Parameter(value)
            else:
                self.fixed[tensor.name] = value
        self.steps = []
        for node in self.graph.graph.node:
            if node.op_type not in self.SHAPES:
                attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
                self.steps.append((self.OPERATORS[node.op_type], attributes, list(node.input), node.output[0]))

    @staticmethod
    def _key(name):
        return "w" + name.replace(".", "_")

    def forward(self, x):
        values = {"input": x}

        def value(name):
            key = self._key(name)
            return values[name] if name in values else self.weights[key] if key in self.weights else self.fixed.get(name)

        for operator, attributes, inputs, output in self.steps:
            values[output] = operator(attributes, *map(value, inputs))
        out = values["output"]
        return out[:, 0] - torch.logsumexp(out[:, 1:], 1)

    def groups(self, rate):
        """One optimiser group a tensor, its rate relative to the tensor's size: the tensors' scales differ a lot."""
        return [dict(params=[w], scale=rate * (w.detach().pow(2).mean().sqrt().item() + 1e-4)) for w in self.weights.values()]

    def export(self, path):
        """Writes the graph that was read with the trained weights in place, for batches of any size."""
        for tensor in self.graph.graph.initializer:
            key = self._key(tensor.name)
            if key in self.weights:
                tensor.CopyFrom(numpy_helper.from_array(self.weights[key].detach().numpy(), tensor.name))
        for end in (self.graph.graph.input[0], self.graph.graph.output[0]):
            end.type.tensor_type.shape.dim[0].dim_param = "n"
        onnx.save(self.graph, path)


class Look(nn.Module):
    """66 fixed measures of colour, contrast, spectrum and sharpness of a face, with a linear head for each framing.

    Takes n x 3 x 128 x 128 BGR 0..255. measures() returns n x MEASURES; forward returns for each head n x 2 logits:
    bona fide and zero.
    """

    EDGES = [2, 4, 6, 8, 12, 16, 20, 24, 30, 36, 43, 50, 57, 64]  # cycles a picture
    PEAKS = [4, 6, 8, 10]  # bands in which a single strong frequency (a display's or a print's grid) is looked for
    MEASURES = 20 + 3 * (len(EDGES) - 1) + len(PEAKS) + 3

    def __init__(self, heads):
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
        self.heads = nn.ModuleList(nn.Linear(self.MEASURES, 1) for _ in range(heads))
        self.register_buffer("centre", torch.zeros(self.MEASURES))
        self.register_buffer("spread", torch.ones(self.MEASURES))

    def power(self, z):
        z = (z - mean(z)[:, None, None]) * self.window
        a, b = self.cos @ z, self.sin @ z
        real, imaginary = a @ self.half_cos - b @ self.half_sin, a @ self.half_sin + b @ self.half_cos
        return (real * real + imaginary * imaginary).flatten(1)

    def measures(self, x):
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

    def forward(self, x):
        z = ((self.measures(x) - self.centre) / self.spread).clamp(-5, 5)
        return tuple(F.pad(head(z), (0, 1)) for head in self.heads)

    def export(self, path):
        names = ["bona_fide_%d" % i for i in range(len(self.heads))]
        torch.onnx.export(self, torch.rand(2, 3, SIZE, SIZE) * 255, path, opset_version=13, input_names=["input"],
                          output_names=names, dynamic_axes={k: {0: "n"} for k in ["input"] + names})


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
