"""Lets torchvision be imported beside a CPU build of torch whose operators its own build does not fit.

install_engine.sh copies it into the engine's environment where torchvision does not import otherwise. Its import stops
at two compiled operators, which it annotates. Preprocessing images uses neither, so they are declared without code.
"""

import importlib.abc
import sys

_OPERATORS = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


class _DeclareOperators(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            for operator in _OPERATORS:
                torch.library.define(f"torchvision::{operator}", _SIGNATURE)


sys.meta_path.insert(0, _DeclareOperators())
