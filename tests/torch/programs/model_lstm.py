"""An LSTM that classifies texts of several lengths, as packed sequences."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 8, padding_idx=0)
        self.lstm = nn.LSTM(8, 6, num_layers=2, batch_first=True, bidirectional=True, dropout=0.1)
        self.attend = nn.Linear(12, 1)
        self.head = nn.Linear(24, 3)

    def forward(self, text, lengths):
        packed = pack_padded_sequence(
            self.embed(text), lengths, batch_first=True, enforce_sorted=False
        )
        out, (h, c) = self.lstm(packed)
        out, _ = pad_packed_sequence(out, batch_first=True)
        weights = torch.softmax(self.attend(out).squeeze(-1), dim=1)
        pooled = (weights.unsqueeze(-1) * out).sum(1)
        return self.head(torch.cat([pooled, h[-1], h[-2]], dim=1))


torch.manual_seed(3)
model = Classifier()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
for step in range(4):
    texts = [torch.randint(1, 20, (n,)) for n in torch.randint(2, 7, (5,)).tolist()]
    lengths = torch.tensor([len(t) for t in texts])
    labels = torch.randint(3, (5,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(
        model(pad_sequence(texts, batch_first=True), lengths), labels
    )
    loss.backward()
    optimizer.step()
    print(step, loss.item())
