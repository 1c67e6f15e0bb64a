"""Datasets of a few images, drawn from a generator of their own."""

import torch


class _Drawn(torch.utils.data.Dataset):
    def __init__(self, count, shape, transform):
        generator = torch.Generator().manual_seed(len(shape))
        self.images = torch.rand(count, *shape, generator=generator)
        self.labels = torch.randint(10, (count,), generator=generator).tolist()
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index]
        return image if self.transform is None else self.transform(image), self.labels[index]


class MNIST(_Drawn):
    def __init__(self, root=None, train=True, download=False, transform=None):
        super().__init__(96 if train else 32, (1, 28, 28), transform)


class FakeData(_Drawn):
    def __init__(self, size=48, image_size=(3, 64, 64), transform=None):
        super().__init__(size, image_size, transform)
