"""The functions of layers in one place: `import micrograd_np.nn.functional as F`, as PyTorch has it.

They are those of `mg` and `mg.nn`; a name of PyTorch's that is not here is answered with what to write.
"""

from .. import cures as _cures
from ..ops.convolution import (
    avg_pool1d,
    avg_pool2d,
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
    max_pool1d,
    max_pool2d,
)
from ..ops.dense import elu, gelu, leaky_relu, linear, log_sigmoid, relu, sigmoid, silu, softplus
from ..ops.elementwise import tanh
from ..ops.layers import layer_norm
from ..ops.losses import embedding, log_softmax, one_hot, softmax
from .losses import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, huber_loss, l1_loss, mse_loss

__all__, __getattr__, __dir__ = _cures.contents("mg.nn", globals())
