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
    "Attention": "multiheadattention scaleddotproductattention sdpa selfattention "
    "dotproductattention",
    "AveragePool": "avgpool avgpool1d avgpool2d avgpool3d averagepooling1d averagepooling2d "
    "averagepooling3d meanpool",
    "BatchNorm": "batchnormalization batchnorm1d batchnorm2d batchnorm3d syncbatchnorm bn",
    "BinaryCrossEntropy": "bce bceloss binarycrossentropyloss",
    "Clip": "clamp hardtanh relu6",
    "Concat": "cat concatenate hstack vstack",
    "Conv": "conv1d conv2d conv3d convolution depthwiseconv depthwiseconv2d separableconv2d "
    "crosscorrelation",
    "ConvTranspose": "convtranspose1d convtranspose2d convtranspose3d conv1dtranspose "
    "conv2dtranspose conv3dtranspose transposedconv deconv deconvolution upconv",
    "Cast": "astype totype trunc int bool",
    "Detach": "stopgradient nograd",
    "Div": "divide truediv",
    "GRU": "grucell grulayer gatedrecurrentunit",
    "Greater": "gt greaterthan",
    "GreaterOrEqual": "ge greaterequal",
    "GroupNorm": "groupnormalization",
    "Hinge": "hingeloss svmloss marginloss",
    "Huber": "huberloss smoothl1 smoothl1loss",
    "Input": "parameter constant placeholder variable data const initializer",
    "InstanceNorm": "instancenormalization instancenorm1d instancenorm2d instancenorm3d",
    "KL": "kldiv kldivloss kullbackleibler kldivergence",
    "LSTM": "lstmcell lstmlayer longshorttermmemory",
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
    "Pad": "zeropad zeropad1d zeropad2d zeropad3d constantpad1d constantpad2d constantpad3d "
    "reflectionpad1d reflectionpad2d reflectionpad3d replicationpad1d replicationpad2d "
    "replicationpad3d circularpad1d circularpad2d circularpad3d padding zeropadding2d",
    "Pow": "power square squared",
    "RMSNorm": "rmsnormalization simplifiedlayernormalization rms",
    "RNN": "rnncell simplernn elman elmanrnn recurrent",
    "Reshape": "flatten view",
    "Resize": "interpolate upsample upsampling upsampling2d upsamplingnearest2d "
    "upsamplingbilinear2d resizebilinear",
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


# What other libraries have an op for, and is several nodes here.
_SEVERAL = {
    "bidirectional": 'two nodes, one with "reverse": true, and a Concat along axis 2',
    "bilstm": 'two nodes, one with "reverse": true, and a Concat along axis 2',
}


def op_hint(name: str) -> str:
    """Return which op is probably meant by a name that no op has, or an empty string."""
    other = name.lower().replace("_", "") if len(name) < 100 else ""
    if other in _SEVERAL:
        return _SEVERAL[other]
    ours = _OURS.get(other)
    if ours is None:
        return nearest(name, ["Input", *OPS])
    # Of an op that does not exist yet, no other op that happens to be spelt alike.
    return f"did you mean {ours!r}?" if ours in OPS or ours == "Input" else ""
