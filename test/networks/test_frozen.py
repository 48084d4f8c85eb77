"""A frozen block stays as it is, whatever happens around it."""

import torch
from torch import nn

from ssc_ros.networks.frozen import Frozen


def test_neither_training_nor_batches_change_it() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(Frozen(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))), nn.Conv2d(4, 2, 1)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    for _ in range(3):
        network(5 + torch.randn(4, 3, 8, 8)).square().mean().backward()
        optimizer.step()
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {"1.weight", "1.bias"}


def test_it_computes_the_same_in_training_and_in_evaluation() -> None:
    torch.manual_seed(0)
    block = Frozen(nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)))
    x = torch.randn(6, 4)
    assert torch.equal(block.train()(x), block.eval()(x))
