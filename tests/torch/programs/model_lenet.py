"""LeNet with batch normalization and dropout."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.bn1 = nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 12, 5)
        self.drop = nn.Dropout(0.25)
        self.fc1 = nn.Linear(12 * 4 * 4, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.avg_pool2d(F.relu(self.conv2(x)), 2, ceil_mode=True)[:, :, :4, :4]
        x = self.drop(torch.flatten(x, 1))
        x = F.relu(self.fc1(x))
        return F.log_softmax(self.fc2(x), dim=1)


torch.manual_seed(1)
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
data = torch.randn(16, 1, 24, 24)
labels = torch.randint(10, (16,))
for step in range(4):
    model.train()
    optimizer.zero_grad()
    loss = F.nll_loss(model(data[step * 4 : step * 4 + 4]), labels[step * 4 : step * 4 + 4])
    loss.backward()
    optimizer.step()
    scheduler.step()
    model.eval()
    with torch.no_grad():
        tested = F.nll_loss(model(data), labels, reduction="sum").item()
    print(step, loss.item(), tested)
