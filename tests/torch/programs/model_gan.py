"""A generative adversarial network: two models, two optimizers, three backward passes a step."""

import torch
import torch.nn as nn

torch.manual_seed(5)
generator = nn.Sequential(
    nn.ConvTranspose2d(4, 6, 3, 1, 0, bias=False),
    nn.BatchNorm2d(6),
    nn.ReLU(True),
    nn.ConvTranspose2d(6, 1, 4, 2, 1, bias=False),
    nn.Tanh(),
)
discriminator = nn.Sequential(
    nn.Conv2d(1, 6, 4, 2, 1, bias=False),
    nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(6, 1, 3, 1, 0, bias=False),
    nn.Sigmoid(),
)
for part in [*generator, *discriminator]:
    if isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(part.weight, 0.0, 0.02)
criterion = nn.BCELoss()
optimizerD = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999))
optimizerG = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
for step in range(3):
    discriminator.zero_grad()
    real = torch.randn(4, 1, 6, 6).clamp(-1, 1)
    label = torch.full((4,), 1.0)
    errD_real = criterion(discriminator(real).view(-1), label)
    errD_real.backward()
    noise = torch.randn(4, 4, 1, 1)
    fake = generator(noise)
    label.fill_(0.0)
    errD_fake = criterion(discriminator(fake.detach()).view(-1), label)
    errD_fake.backward()
    optimizerD.step()
    generator.zero_grad()
    label.fill_(1.0)
    output = discriminator(fake).view(-1)
    errG = criterion(output, label)
    errG.backward()
    optimizerG.step()
    print(step, (errD_real + errD_fake).item(), errG.item(), output.mean().item())
