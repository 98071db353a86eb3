"""The decoder that ships is learned for codes that do not change."""

import torch

from ninefold.training.pictures import PictureSet
from ninefold.training.recipes.vqgan_decoder import VQGANDecoderTask
from tests.tiny import LOCAL_VQGAN, build_vqgan


def test_only_the_decoder_learns(small_pictures: PictureSet) -> None:
    trained = build_vqgan(LOCAL_VQGAN)
    task = VQGANDecoderTask(small_pictures, trained, LOCAL_VQGAN)
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    loss, metrics = task.loss(0, 2)
    torch.autograd.backward(loss)
    learned = {name for name, weight in task.vqgan.named_parameters() if weight.grad is not None}
    assert learned == {
        name
        for name, _ in task.vqgan.named_parameters()
        if name.startswith(("decoder.", "post_quant_conv."))
    }
    codes = {n: v for n, v in task.vqgan.state_dict().items() if n.startswith(("encoder", "quant"))}
    assert all(torch.equal(value, before[name]) for name, value in codes.items())
    assert {"l1", "psnr"} <= set(metrics)


def test_the_loss_of_a_step_depends_on_the_step_alone(small_pictures: PictureSet) -> None:
    trained = build_vqgan(LOCAL_VQGAN)
    first, second = (VQGANDecoderTask(small_pictures, trained, LOCAL_VQGAN) for _ in range(2))
    with torch.no_grad():
        first.loss(0, 2)
        assert float(first.loss(1, 2)[0]) == float(second.loss(1, 2)[0])
        assert float(first.loss(1, 2)[0]) != float(second.loss(2, 2)[0])


def test_its_sheet_shows_pictures_above_what_is_restored(small_pictures: PictureSet) -> None:
    size = LOCAL_VQGAN.resolution
    task = VQGANDecoderTask(small_pictures, build_vqgan(LOCAL_VQGAN), LOCAL_VQGAN)
    assert task.sample(task.model.state_dict()).size == (12 * size, 6 * size)
