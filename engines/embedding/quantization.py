"""The encoder's matrices in eight bits, for processors that multiply those faster (VNNI, AMX).

Weights are rounded once, with a scale and a zero for each output. Activations are rounded by OpenVINO as they
come, in groups of GROUP channels with a scale each ("dynamic quantization"), so that nothing has to be learnt
from texts and a few large channels do not spoil the others.
"""

from collections.abc import Iterator

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as ops

GROUP = 128
"""Channels that share a scale. On one core, milliseconds for 4 passages of 160 tokens: 64 takes 67, 128 62, all 384
59, bf16 83. The mean cosine to fp32 of 64 is .99933, of 128 .99910; both leave the ranking as it is (ADR 9)."""
LARGEST = 255

Floats = NDArray[np.float32]


def quantize(ir: openvino.Model) -> openvino.Model:
    """A copy of the model with the weights of its linear layers in uint8; some 50 ms."""
    quantized = ir.clone()
    for node, weights in linears(quantized):
        node.input(1).replace_source_output(as_uint8(weights).output(0))
    quantized.validate_nodes_and_infer_types()
    return quantized


def linears(model: openvino.Model) -> Iterator[tuple[openvino.Node, Floats]]:
    """Every multiplication by a constant matrix, with the matrix, shape (outputs, inputs)."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "MatMul" or not node.get_attributes()["transpose_b"]:
            continue
        weights = node.input_value(1).get_node()
        if weights.get_type_name() == "Convert":  # kept as fp16 on disk
            weights = weights.input_value(0).get_node()
        if weights.get_type_name() == "Constant":
            yield node, weights.data.astype(np.float32)


def as_uint8(weights: Floats) -> openvino.Node:
    """The matrix as (integers - zero) * scale, in the form in which OpenVINO keeps it so when it compiles."""
    rows = np.minimum(weights.min(axis=1, keepdims=True), 0), np.maximum(weights.max(axis=1, keepdims=True), 0)
    scale = np.maximum((rows[1] - rows[0]) / LARGEST, np.finfo(np.float32).tiny).astype(np.float32)
    zero = np.rint(-rows[0] / scale)
    integers = np.clip(np.rint(weights / scale) + zero, 0, LARGEST)
    shifted = ops.subtract(_decompressed(integers), _decompressed(zero))
    return ops.multiply(shifted, ops.constant(scale))


def _decompressed(integers: NDArray[np.floating]) -> openvino.Node:
    node = ops.convert(ops.constant(integers.astype(np.uint8)), np.float32)
    node.get_rt_info()["decompression"] = ""  # else it would be computed once and for all, into floats
    return node
