"""The MiniFASNet pair of Silent-Face (Apache-2.0) as its project publishes it: teachers here, and an optional part of the program.

The widths of all layers are read from the weights, so one function runs both networks.
"""
import numpy as np
import torch
import torch.nn.functional as F

SIZE = 80  # pixels a side: blue, green, red, 0..255
NAMES = ("minifasnet_2_7", "minifasnet_4_0")
MARGINS = (2.7, 4.0)  # the crop of each, in face boxes
LIVE = 1  # of three classes


class MiniFasNet(torch.nn.Module):
    """N x 3 x 80 x 80 pixels -> N x 3 logits."""

    def __init__(self, path):
        super().__init__()
        weights = torch.load(path, map_location="cpu", weights_only=True)
        self.weights = {name.removeprefix("module."): w.float() for name, w in weights.items() if not name.endswith("num_batches_tracked")}

    def norm(self, name, x):
        w = self.weights
        return F.batch_norm(x, w[name + ".running_mean"], w[name + ".running_var"], w[name + ".weight"], w[name + ".bias"])

    def layer(self, name, x, stride=1, padding=0):
        """Convolution (of each channel apart where the weights say so), normalisation, and the activation where there is one."""
        kernel = self.weights[name + ".conv.weight"]
        x = F.conv2d(x, kernel, stride=stride, padding=padding, groups=x.shape[1] // kernel.shape[1])
        x = self.norm(name + ".bn", x)
        slope = self.weights.get(name + ".prelu.weight")
        return x if slope is None else F.prelu(x, slope)

    def excited(self, name, x):
        gate = x.mean((2, 3), keepdim=True)
        gate = F.relu(self.norm(name + ".bn1", F.conv2d(gate, self.weights[name + ".fc1.weight"])))
        return x * torch.sigmoid(self.norm(name + ".bn2", F.conv2d(gate, self.weights[name + ".fc2.weight"])))

    def block(self, name, x, stride=1):
        x = self.layer(name + ".conv", x)
        x = self.layer(name + ".conv_dw", x, stride, 1)
        x = self.layer(name + ".project", x)
        return self.excited(name + ".se_module", x) if name + ".se_module.fc1.weight" in self.weights else x

    def blocks(self, name, x):
        at = 0
        while "%s.model.%d.conv.conv.weight" % (name, at) in self.weights:
            x = x + self.block("%s.model.%d" % (name, at), x)
            at += 1
        return x

    def forward(self, x):
        x = self.layer("conv2_dw", self.layer("conv1", x, 2, 1), 1, 1)
        for name in ("3", "4", "5"):
            x = self.block("conv_" + {"3": "23", "4": "34", "5": "45"}[name], x, 2)
            x = self.blocks("conv_" + name, x)
        x = self.layer("conv_6_dw", self.layer("conv_6_sep", x)).flatten(1)
        x = self.norm("bn", F.linear(x, self.weights["linear.weight"]))
        return F.linear(x, self.weights["prob.weight"])


def log_odds(logits):
    """N x 3 logits -> N log odds of live."""
    rest = torch.cat([logits[:, :LIVE], logits[:, LIVE + 1:]], 1)
    return logits[:, LIVE] - torch.logsumexp(rest, 1)
