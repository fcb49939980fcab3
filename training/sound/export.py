"""Writes trained weights as ONNX: export.py work/sound/all.pt ../models/sound.onnx"""
import sys, torch
from trials import net

torch.onnx.export(net(sys.argv[1]), torch.zeros(1, 100, 40), sys.argv[2], input_names=["spectra"], output_names=["posteriors"],
                  dynamic_axes={"spectra": {1: "rows"}, "posteriors": {1: "half"}}, opset_version=13)
