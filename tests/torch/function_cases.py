"""Calls of PyTorch's functions, as expressions over tensors that the program of the cases defines.

`x`, `y` (4, 6) have gradients, as has `w` (3, 6), `b` (3), `p` (4, 6) from 0 to 1, `img`
(2, 3, 5, 6), `k` (4, 3, 3, 3), `q` (2, 3, 4, 6), `s` (), `v` (6), `seq` (5, 2, 6), `table` (7, 3);
`labels` (4) and `mask` (4, 6) have none.
"""

from __future__ import annotations

# Those that one op of ours computes, or several.
RULED = {
    "operators": """
x + 1 | 1 + x | x - 1.5 | 1 - x | x * 2 | 2 * x | x / 4 | 2 / (x * x + 1) | x ** 2 | 2 ** x | -x
x + y | x - y | x * y | x / (y * y + 1) | x + v | v - x | x * s | s * x | x @ y.T | x @ v
v @ x.T | torch.add(x, y, alpha=3) | torch.sub(x, y, alpha=0.5) | x.add(2) | torch.rsub(x, y)
torch.rsub(x, 3) | x.mul(y) | x.div(3) | (x * x + 1) ** y | (x * x + 1) ** 0.5 | (x * x + 1) ** -1
x * True | x + x | x * x | x - x | x.pow(3) | torch.pow(2.0, x) | x.square() | x.neg() | x.float()
x.double() | x + 1e30 | x * 1e-30 | x / 1e20 | x * 0 | x ** 1 | x ** 0
""",
    "in place": """
x.clone().add_(1) | x.clone().mul_(y) | x.clone().sub_(y) | x.clone().div_(2) | x.clone().relu_()
F.relu(x.clone(), inplace=True) | x.clone().clamp_(-1, 1) | x.clone().sigmoid_()
x.clone().exp_() | x.clone().masked_fill_(mask, 0.5) | nn.ReLU(inplace=True)(x * 1) | inplace(x)
""",
    "elementwise": """
x.exp() | (x * x + 1).log() | (x * x + 1).sqrt() | (x * x + 1).rsqrt() | x.sin() | x.cos()
x.abs() | x.tanh() | torch.tanh(x) | x.sigmoid() | torch.erf(x) | (x * x + 1).reciprocal()
x.expm1() | (x * x).log1p() | (x * x + 1).log2() | x.tan() | x.clamp(-1, 1) | x.clamp(min=0)
x.clamp(max=0.5) | x.clamp_min(0.1) | x.clamp_max(0.1) | torch.clip(x, -2, 2)
torch.maximum(x, y) | torch.minimum(x, y) | torch.where(mask, x, y) | torch.where(mask, x, 0.0)
x.masked_fill(mask, 2.0) | torch.lerp(x, y, 0.25) | torch.addcmul(x, x, y, value=2)
torch.addcdiv(x, x, y * y + 1)
""",
    "activations": """
F.relu(x) | torch.relu(x) | x.relu() | nn.ReLU()(x) | F.gelu(x) | F.gelu(x, approximate='tanh')
F.silu(x) | F.leaky_relu(x, 0.2) | F.elu(x, 0.5) | F.celu(x, 2.0) | F.selu(x) | F.hardtanh(x)
F.relu6(x * 4) | F.hardsigmoid(x) | F.hardswish(x) | F.mish(x) | F.softplus(x)
F.softplus(x, 2.0) | F.logsigmoid(x) | F.glu(x) | F.glu(x, 0) | F.softmax(x, 1) | x.softmax(0)
torch.softmax(x, dim=-1) | F.log_softmax(x, dim=1) | x.log_softmax(-1) | F.prelu(x, s.reshape(1))
F.prelu(x, v) | F.softsign(x) | F.tanhshrink(x) | F.dropout(x, 0.5, False) * 1
nn.Dropout(0.0)(x) | F.dropout(x, 0.5) | nn.Dropout(0.3)(x)
nn.Tanh()(x) | nn.GELU()(x) | F.softmax(seq, 2) | F.softmax(seq, 0)
nn.Softmax(dim=1)(x)
""",
    "products": """
F.linear(x, w) | F.linear(x, w, b) | nn.Linear(6, 2, dtype=x.dtype)(x) | F.linear(seq, w, b)
F.linear(v, w, b) | nn.Linear(6, 2, bias=False, dtype=x.dtype)(seq) | x.mm(y.T) | x.matmul(w.T)
torch.bmm(seq, seq.transpose(1, 2)) | torch.dot(v, v * 2) | torch.mv(x, v) | torch.outer(v, b)
torch.addmm(b, x, w.T) | torch.addmm(b, x, w.T, beta=2, alpha=0.5) | seq @ w.T | seq @ v
torch.einsum('ij,kj->ik', x, w) | torch.einsum('bij->bi', seq) | torch.inner(v, v)
torch.baddbmm(seq[:, :, :2], seq, seq.transpose(1, 2)) | w @ x.T
""",
    "shapes": """
x.view(2, 12) | x.view(-1) | x.view([3, 8]) | x.reshape(2, -1) | x.reshape((6, 4)) | x.flatten()
seq.flatten(1) | seq.flatten(0, 1) | torch.flatten(seq, start_dim=-2) | x.T | x.t() | seq.mT
seq.transpose(0, 1) | seq.transpose(-1, -2) | seq.permute(2, 0, 1) | torch.permute(seq, (1, 2, 0))
x.unsqueeze(0) | x.unsqueeze(-1) | x[None].squeeze(0) | x[None].squeeze() | s.unsqueeze(0)
torch.cat([x, y]) | torch.cat((x, y, x), dim=1) | torch.cat([x, y], -1) | torch.stack([x, y], 1)
x.expand(2, 4, 6) | v.expand(3, -1) | s.expand(2, 2) | x.repeat(2, 1) | x.tile(2) | x.roll(1, 0)
x.roll(2) | x.flip(0) | torch.flip(seq, [0, 2]) | F.pad(x, (1, 2))
F.pad(x, (0, 0, 1, 1), value=3.0) | x.contiguous() * 1 | x.clone() | x.to(torch.float64) * 1
x.movedim(0, 1) | x.unflatten(1, (2, 3)) | x.tril() | x.triu(1) | x.repeat_interleave(2, 1)
seq.reshape_as(x.new_zeros(10, 6)) | x.view_as(y) | nn.Flatten()(seq) | x.swapaxes(0, 1)
seq.narrow(0, 1, 2) | seq.select(1, 0) | x.detach() * x
""",
    "indices": """
x[0] | x[1, 2] | x[-1] | x[:, 0] | x[1:3] | x[::2, 1:] | x[..., 0] | x[None] | x[:, None]
seq[..., None, :] | x[:, -2:] | seq[0, :, 1:4] | seq[-1, ...] | x[labels] | x[:, labels]
seq[:, 0][labels] | x[labels, labels] | x.index_select(0, labels) | x.gather(1, labels[:, None])
F.embedding(labels, table) | nn.Embedding(5, 3, dtype=x.dtype)(labels)
F.embedding(labels, table, padding_idx=0) | F.embedding(labels[None], table)
""",
    "results": """
x.split(2)[0] | x.split(2, 1)[2] | x.split([1, 3])[1] | torch.split(x, 4, dim=-1)[1]
x.chunk(2)[1] | x.chunk(4, 1)[0] | x.unbind(0)[1] | sum(x.chunk(3, dim=1))
x.split(3, 1)[0] * x.split(3, 1)[1] | x.max(1)[0] | x.max(0).values | x.min(-1, keepdim=True)[0]
torch.var_mean(x, 1)[0] | nn.LSTM(6, 3, dtype=x.dtype)(seq)[0]
nn.LSTM(6, 3, dtype=x.dtype)(seq)[1][1]
nn.LSTM(6, 3, 2, batch_first=True, dtype=x.dtype)(seq)[0] | nn.GRU(6, 3, dtype=x.dtype)(seq)[0]
nn.GRU(6, 2, bidirectional=True, dtype=x.dtype)(seq)[0] | nn.RNN(6, 3, dtype=x.dtype)(seq)[1]
nn.RNN(6, 3, nonlinearity='relu', dtype=x.dtype)(seq)[0] | nn.LSTMCell(6, 3, dtype=x.dtype)(x)[0]
nn.GRUCell(6, 3, dtype=x.dtype)(x) | nn.RNNCell(6, 3, dtype=x.dtype)(x)
nn.MultiheadAttention(6, 2, dtype=x.dtype)(seq, seq, seq)[0]
nn.MultiheadAttention(6, 3, batch_first=True, dtype=x.dtype)(seq, seq * 2, seq)[0]
""",
    "reductions": """
x.sum() | x.sum(0) | x.sum(dim=1) | x.sum(-1, keepdim=True) | seq.sum((0, 2)) | x.mean()
x.mean(1) | x.mean(dim=(0, 1)) | x.mean(0, True) | torch.sum(x, dim=[1]) | x.prod() | x.prod(1)
x.amax(1) | x.amin(0, True) | x.max() | x.min() | torch.max(x, y) | torch.min(x, y)
x.logsumexp(1) | x.cumsum(0) | torch.logsumexp(x, (0, 1)) | x.var() | x.var(1)
x.var(0, unbiased=False) | x.std() | x.std(1, False) | x.std(dim=0, correction=0, keepdim=True)
x.var(False) | x.norm() | x.norm(dim=1) | x.norm(1) | torch.linalg.vector_norm(x)
torch.linalg.norm(x, dim=-1) | x.norm(p=2, dim=0, keepdim=True) | F.cosine_similarity(x, y)
F.pairwise_distance(x, y) | F.normalize(x) | F.normalize(x, dim=0)
""",
    "costs": """
F.cross_entropy(x, labels) | F.cross_entropy(x, labels, reduction='sum')
nn.CrossEntropyLoss()(x, labels) | F.cross_entropy(x, p.softmax(1))
F.cross_entropy(img, img.argmax(1)) | F.cross_entropy(v, labels[0])
F.nll_loss(x.log_softmax(1), labels) | F.nll_loss(x, labels, reduction='sum')
nn.NLLLoss()(x, labels) | F.mse_loss(x, y) | F.mse_loss(x, y, reduction='sum')
F.mse_loss(x, y, reduction='none') | nn.MSELoss()(x, y) | F.l1_loss(x, y)
F.l1_loss(x, y, reduction='sum') | F.l1_loss(x, y, reduction='none') | F.smooth_l1_loss(x, y)
F.smooth_l1_loss(x, y, beta=0.5) | F.huber_loss(x, y) | F.huber_loss(x, y, delta=0.3)
F.binary_cross_entropy(p, p.detach().round())
F.binary_cross_entropy(p, p.detach(), reduction='sum')
F.binary_cross_entropy_with_logits(x, mask.to(x))
nn.BCEWithLogitsLoss(reduction='sum')(x, mask.to(x)) | F.kl_div(x, p, reduction='batchmean')
F.kl_div(x, y, reduction='sum', log_target=True) | F.kl_div(x, p.detach(), reduction='batchmean')
""",
    "masks": """
F.softmax(x.masked_fill(mask, float('-inf')), 1) | torch.where(mask, x, float('-inf')).softmax(1)
F.softmax((x @ y.T).masked_fill(mask[:, :4], float('-inf')), dim=-1) @ x
""",
    "norms": """
F.layer_norm(x, (6,)) | F.layer_norm(x, (6,), v, v * 2) | F.layer_norm(seq, (2, 6))
F.layer_norm(x, [6], eps=0.1) | nn.LayerNorm(6, dtype=x.dtype)(seq) | F.rms_norm(x, (6,), v)
F.group_norm(img, 3) | F.group_norm(img, 1) | nn.GroupNorm(3, 3, dtype=x.dtype)(img)
F.instance_norm(img) | nn.BatchNorm1d(6, dtype=x.dtype)(x) | nn.BatchNorm2d(3, dtype=x.dtype)(img)
nn.BatchNorm1d(6, dtype=x.dtype).eval()(x)
nn.BatchNorm2d(3, affine=False, dtype=x.dtype).eval()(img)
nn.BatchNorm1d(6, momentum=0.5, dtype=x.dtype)(x) | F.batch_norm(x, None, None, v, v, True)
""",
    "windows": """
F.conv2d(img, k) | F.conv2d(img, k, torch.ones(4, dtype=x.dtype), padding=1)
F.conv2d(img, k, stride=2) | F.conv2d(img, k, padding='same') | F.conv2d(img[0], k)
F.conv1d(seq, k[:, :2, 0]) | nn.Conv2d(3, 2, 2, dtype=x.dtype)(img)
F.conv_transpose2d(img, k.transpose(0, 1), stride=2) | F.max_pool2d(img, 2)
F.max_pool2d(img, 3, 1, 1) | nn.MaxPool2d(2)(img) | F.avg_pool2d(img, 2)
F.avg_pool2d(img, 3, 2, 1, count_include_pad=False) | F.adaptive_avg_pool2d(img, 2)
nn.AdaptiveAvgPool2d((1, None))(img) | F.adaptive_max_pool2d(img, 2) | F.max_pool1d(seq, 2)
F.avg_pool1d(seq, 3) | F.interpolate(img, scale_factor=2)
F.interpolate(img, size=(10, 12), mode='bilinear') | nn.Upsample(scale_factor=2)(img)
F.scaled_dot_product_attention(q, q * 2, q * 3)
F.scaled_dot_product_attention(q, q, q, is_causal=True)
F.scaled_dot_product_attention(x, y, x * y, mask[:, :4])
F.scaled_dot_product_attention(x, y, x, scale=0.5)
""",
}
# Those that are not put in our words, each with what is said instead.
UNRULED = {
    "F.cross_entropy(x, labels, reduction='none')": "reduction='none'",
    "F.cross_entropy(x, labels, weight=v.detach().abs())": "weights of classes",
    "F.cross_entropy(x, labels, label_smoothing=0.1)": "label_smoothing=0.1",
    "F.cross_entropy(x, labels, ignore_index=2)": "ignore_index=2",
    "F.mse_loss(x, y[:1].detach())": "shapes that broadcast",
    "torch.cdist(x, y)": "",
    "x.cummax(0)[0]": "",
    "F.pad(x, (-1, 0))": "a part cut off by padding",
    "torch.special.gammaln(x * x + 1)": "",
    "F.nll_loss(x, labels, weight=v.detach().abs())": "weights of classes",
    "torch.linalg.det(x[:4, :4])": "",
    "assigned(x)": "",
    "F.embedding(labels, table.clone(), max_norm=0.5)": "in the table itself",
    "nn.LSTM(6, 3, 2, dropout=0.5, dtype=x.dtype)(seq)[0]": "random numbers that PyTorch has drawn",
}


def cases() -> list[str]:
    """Return the calls that are put in our words."""
    lines = "\n".join(RULED.values()).replace("\n", "|").split("|")
    return [line.strip() for line in lines if line.strip()]
