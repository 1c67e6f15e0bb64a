"""Hints for op names that other libraries use, and for misspelt ones."""

from __future__ import annotations

from miniflow.errors import nearest
from miniflow.ops import OPS

# The names that other libraries have for an op of ours, in lower case without underscores.
_CALLED_ELSEWHERE = {
    "AdaptiveAveragePool": "globalaveragepool globalavgpool globalaveragepooling1d "
    "globalaveragepooling2d globalaveragepooling3d adaptiveavgpool adaptiveavgpool1d "
    "adaptiveavgpool2d adaptiveavgpool3d",
    "AdaptiveMaxPool": "globalmaxpool globalmaxpooling1d globalmaxpooling2d globalmaxpooling3d "
    "adaptivemaxpool1d adaptivemaxpool2d adaptivemaxpool3d",
    "Add": "plus addn residual",
    "AveragePool": "avgpool avgpool1d avgpool2d avgpool3d averagepooling1d averagepooling2d "
    "averagepooling3d meanpool",
    "BatchNorm": "batchnormalization batchnorm1d batchnorm2d batchnorm3d",
    "BinaryCrossEntropy": "bce bceloss binarycrossentropyloss",
    "Clip": "clamp hardtanh relu6",
    "Concat": "cat concatenate hstack vstack",
    "Conv": "conv1d conv2d conv3d convolution depthwiseconv depthwiseconv2d separableconv2d "
    "crosscorrelation",
    "ConvTranspose": "convtranspose1d convtranspose2d convtranspose3d conv1dtranspose "
    "conv2dtranspose conv3dtranspose transposedconv deconv deconvolution upconv",
    "Detach": "stopgradient nograd",
    "Div": "divide truediv",
    "Greater": "gt greaterthan",
    "GreaterOrEqual": "ge greaterequal",
    "Hinge": "hingeloss svmloss marginloss",
    "Huber": "huberloss smoothl1 smoothl1loss",
    "Input": "parameter constant placeholder variable data const initializer",
    "LayerNorm": "layernormalization",
    "LeakyReLU": "lrelu",
    "Less": "lt lessthan",
    "LessOrEqual": "le lessequal",
    "Linear": "dense fc fullyconnected gemm affine addmm",
    "Log": "ln",
    "MAE": "l1 l1loss meanabsoluteerror",
    "MSE": "mseloss l2loss l2 meansquarederror squarederror quadraticcost",
    "MatMul": "dot mm bmm matrixmultiply matrixproduct",
    "Max": "maximum",
    "MaxPool": "maxpool1d maxpool2d maxpool3d maxpooling1d maxpooling2d maxpooling3d",
    "Mean": "reducemean average avg",
    "Min": "minimum",
    "Mul": "multiply times product hadamard",
    "NLL": "nllloss negativeloglikelihood",
    "Neg": "negative negate minus",
    "PRelu": "parametricrelu",
    "Pow": "power square squared",
    "Reshape": "flatten view",
    "SiLU": "swish",
    "Sigmoid": "logistic expit",
    "SigmoidCrossEntropy": "bcewithlogits bcewithlogitsloss binarycrossentropywithlogits",
    "SoftmaxCrossEntropy": "crossentropy crossentropyloss categoricalcrossentropy "
    "softmaxcrossentropyloss softmaxwithloss",
    "Sub": "subtract",
    "Sum": "reducesum",
    "Take": "embedding gather indexselect lookup",
    "Transpose": "permute",
    "Where": "select ifelse cond",
}
_OURS = {other: op for op, others in _CALLED_ELSEWHERE.items() for other in others.split()}


def op_hint(name: str) -> str:
    """Return which op is probably meant by a name that no op has, or an empty string."""
    ours = _OURS.get(name.lower().replace("_", "")) if len(name) < 100 else None
    if ours is None:
        return nearest(name, ["Input", *OPS])
    # Of an op that does not exist yet, no other op that happens to be spelt alike.
    return f"did you mean {ours!r}?" if ours in OPS or ours == "Input" else ""
