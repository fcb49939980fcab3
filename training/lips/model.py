"""The network: aligned mouth pictures to posteriors over silence, other speech and the digits' states."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from augment import MIRROR
from corpus import CLASSES, PHONES

SHAPE = 42  # values of a shape: across and down of 21 points


def mix_styles(x, b):
    """MixStyle (Zhou 2021): gives a sequence's features, half of the time, in part the mean and deviation of another's,
    so that what makes one person's mouth look unlike another's means less. x is (b * T, C, H, W)."""
    if torch.rand(()) < 0.5:
        return x
    y = x.view(b, -1, *x.shape[1:])
    mean, deviation = y.mean((1, 3, 4), keepdim=True), y.std((1, 3, 4), keepdim=True) + 1e-5
    other, share = torch.randperm(b), torch.distributions.Beta(0.1, 0.1).sample((b, 1, 1, 1, 1))
    mixed_mean = share * mean + (1 - share) * mean[other]
    mixed_deviation = share * deviation + (1 - share) * deviation[other]
    return ((y - mean) / deviation * mixed_deviation.detach() + mixed_mean.detach()).view_as(x)


class Lips(nn.Module):
    """(1, T, 48, 64) of grey 0..255 and (1, T, 42) of shapes -> log posteriors (1, T, 42) and, for training only, of phones.

    The recording's mean picture is taken out and its contrast made one, which leaves movement and takes away much of
    who it is. One 3-D convolution over five pictures, two over each picture. The shapes lose their mean too and bring
    their change along. Both meet in a convolution and a GRU over time; in training one of the two is sometimes missing,
    so that neither leans on the other: shapes do not depend on skin, beard and light, pictures show teeth and tongue.
    """

    def __init__(self, width=128, drop=0.4, shape=64):
        super().__init__()
        self.front = nn.Conv3d(1, 32, (5, 8, 8), (1, 4, 4), (2, 2, 2), bias=False)
        self.norm0 = nn.BatchNorm2d(32)
        self.conv1 = nn.Conv2d(32, 64, 3, 2, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 96, 3, 2, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(96)
        self.flat = nn.Linear(96 * 3 * 4, width)
        self.norm3 = nn.BatchNorm1d(width)
        self.shape = nn.Conv1d(2 * SHAPE, shape, 5, 1, 2)
        self.norm5 = nn.BatchNorm1d(shape)
        self.shape2 = nn.Conv1d(shape, shape, 3, 1, 1)
        self.norm6 = nn.BatchNorm1d(shape)
        self.meet = nn.Linear(width + shape, width)
        self.near = nn.Conv1d(width, width, 5, 1, 2)
        self.norm4 = nn.BatchNorm1d(width)
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.states = nn.Linear(2 * width, CLASSES)
        self.phones = nn.Linear(2 * width, len(PHONES))
        self.drop = nn.Dropout(drop)

    def forward(self, x, shapes):
        return self.read(*self.missing(self.pictures(x), self.shapes(shapes)))

    def pictures(self, x):
        """Features (b, T, 128) of the pictures."""
        mean = x.mean((1,), keepdim=True)
        contrast = (mean - mean.mean((2, 3), keepdim=True)).pow(2).mean((2, 3), keepdim=True)
        x = x - mean
        # The contrast of what moves becomes one, unless next to nothing moves: a closed mouth is not magnified to speech.
        x = x / (x.pow(2).mean((1, 2, 3), keepdim=True) + 0.01 * contrast + 1e-3).sqrt()
        b, t = x.shape[:2]
        x = self.front(x.unsqueeze(1)).transpose(1, 2).reshape(b * t, 32, 12, 16)
        x = F.relu(self.norm0(x))
        if self.training:
            x = mix_styles(x, b)
        x = F.relu(self.norm1(self.conv1(x)))
        if self.training:
            x = mix_styles(x, b)
        x = F.relu(self.norm2(self.conv2(x)))
        return F.relu(self.norm3(self.flat(self.drop(x.flatten(1))))).view(b, t, -1)

    def shapes(self, y):
        """Features (b, T, 64) of the shapes' deviation from their mean, in tenths of a pupil distance, and of its change."""
        y = 10 * (y - y.mean((1,), keepdim=True))
        change = torch.cat([y[:, 1:], y[:, -1:]], 1) - torch.cat([y[:, :1], y[:, :-1]], 1)
        y = torch.cat([y, change], 2).transpose(1, 2)
        y = F.relu(self.norm5(self.shape(y)))
        return F.relu(self.norm6(self.shape2(self.drop(y)))).transpose(1, 2)

    def missing(self, x, y):
        """Training goes without the pictures for a sixth of the sequences, without the shapes for another."""
        if not self.training:
            return x, y
        r = torch.rand(len(x), 1, 1)
        return x * (r > 1 / 6), y * (r < 5 / 6)

    def read(self, x, y):
        """Log posteriors of states and of phones from the features of both."""
        x = self.meet(torch.cat([x, y], 2))
        near = self.norm4(self.near(self.drop(x).transpose(1, 2)))
        x, _ = self.gru(self.drop(x + F.relu(near).transpose(1, 2)))
        x = self.drop(x)
        return F.log_softmax(self.states(x), -1), F.log_softmax(self.phones(x), -1)


class Product(nn.Module):
    """What is exported: the mean of the posteriors of some models, each for the mouth and for its mirror image, from
    pictures and shapes together and from either alone: on people that it never saw, now the one misleads, now the other.
    """

    def __init__(self, models):
        super().__init__()
        self.models = nn.ModuleList(models)
        self.register_buffer("mirror", torch.from_numpy(np.stack([2 * MIRROR, 2 * MIRROR + 1], 1).ravel()))
        self.register_buffer("sign", torch.tensor([-1.0, 1.0]).repeat(SHAPE // 2))

    def forward(self, x, shapes):
        seen = ((x, shapes), (x.flip(3), shapes[:, :, self.mirror] * self.sign))
        p = []
        for m in self.models:
            for pictures, shapes in seen:
                x, y = m.pictures(pictures), m.shapes(shapes)
                p += [m.read(*f)[0].exp() for f in ((x, y), (x, torch.zeros_like(y)), (torch.zeros_like(x), y))]
        return (sum(p) / len(p)).clamp(min=1e-6).log()


def load(paths):
    """The product of one weights file or more, joined by "+"."""
    models = []
    for path in paths.split("+"):
        model = Lips()
        model.load_state_dict(torch.load(path))
        models.append(model.eval())
    return Product(models)
