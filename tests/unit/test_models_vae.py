"""The auto-encoder: its network against PyTorch's own layers, its randomness, its endless data, its files and errors."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from headwater.errors import ConfigError, HeadwaterError, InputError, MissingExtraError, NotEnoughData
from headwater.models import vae
from headwater.models.samples import Points
from headwater.models.vae import Decoded, VaeLearner, VaeModel, latent_spread

torch = pytest.importorskip("torch", reason="the auto-encoder needs PyTorch (extra train)")

SMALL = VaeLearner(8, latents=3, epochs=2, batch=16, device="cpu")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks as small as these lose time with several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _images(replicates: int = 1, items: int = 40, side: int = 8) -> Points:
    """Return bright squares at random places."""
    rng = _rng(99)
    values = np.zeros((replicates, items, side, side), dtype=np.uint8)
    for image in values.reshape(-1, side, side):
        top, left = rng.integers(side // 2, size=2)
        image[top : top + side // 2, left : left + side // 2] = 255
    return Points(values)


@pytest.fixture(scope="module")
def model() -> VaeModel:
    return SMALL.fit(_images(2), _rng())


def _same(one: VaeModel, other: VaeModel) -> bool:
    return all(np.array_equal(one.parameters[name], other.parameters[name]) for name in one.parameters)


# The network.


def test_the_published_network_has_647081_parameters() -> None:
    """Shumailov et al. 2024, printed by the published notebook."""
    fitted = VaeLearner(28, epochs=1, device="cpu").fit(_images(items=2, side=28), _rng())
    assert fitted.size == 647_081
    assert sum(values[0].size for values in fitted.parameters.values()) == 647_081
    assert fitted.sample(3, _rng()).values.shape == (1, 3, 28, 28)


def _layers(model: VaeModel, replicate: int) -> dict[str, "torch.nn.Module"]:
    """Return the published layers, PyTorch's own, with a model's weights."""
    wide, narrow = model.parameters["encode2.weight"].shape[1:3]
    flat = wide * (model.side // 4) ** 2
    layers = {
        "encode1": torch.nn.Conv2d(1, narrow, 4, stride=2, padding=1),
        "encode2": torch.nn.Conv2d(narrow, wide, 4, stride=2, padding=1),
        "latent": torch.nn.Linear(flat, 2 * model.latents),
        "expand": torch.nn.Linear(model.latents, flat),
        "decode1": torch.nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1),
        "decode2": torch.nn.ConvTranspose2d(narrow, 1, 4, stride=2, padding=1),
    }
    for name, layer in layers.items():
        state = {part: torch.tensor(model.parameters[f"{name}.{part}"][replicate]) for part in ("weight", "bias")}
        layer.load_state_dict(state)
    return layers


def _by_layers(
    model: VaeModel, replicate: int, images: NDArray[np.uint8], noise: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return latent means and negative ELBO by PyTorch's layers and distributions."""
    net = _layers(model, replicate)
    x = torch.tensor(images / np.float32(255))
    hidden = torch.relu(net["encode2"](torch.relu(net["encode1"](x[:, None])))).flatten(1)
    mean, log_variance = net["latent"](hidden).split(model.latents, dim=1)
    law = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    hidden = net["expand"](mean + law.scale * torch.tensor(noise)).view(len(x), -1, model.side // 4, model.side // 4)
    pixels = torch.sigmoid(net["decode2"](torch.relu(net["decode1"](hidden))))[:, 0]
    kl = torch.distributions.kl_divergence(law, torch.distributions.Normal(0.0, 1.0)).sum(1)
    nats = torch.nn.functional.binary_cross_entropy(pixels, x, reduction="none").sum((1, 2)) + kl
    return mean.detach().numpy(), nats.detach().numpy()


def test_means_and_loss_agree_with_the_published_layers_and_pytorchs_distributions(model: VaeModel) -> None:
    images = _images(2, 7)
    noise = _rng().standard_normal((7, 3), dtype=np.float32)  # the draw that a loss is always taken at
    means, loss = model.encode_means(images), model.loss(images)
    assert means.shape == (2, 7, 3)
    for replicate in range(2):
        expected_means, expected_nats = _by_layers(model, replicate, images.values[replicate], noise)
        np.testing.assert_allclose(means[replicate], expected_means, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(loss.nats[replicate], expected_nats, rtol=1e-5)
    assert (loss.tokens == 1).all()


def test_first_weights_have_the_law_of_pytorchs_layers() -> None:
    """They are uniform up to the same bound; chance leaves the largest of 1024 weights 1% below it once in 30,000 times,
    and 2% is above 9 standard errors of the standard deviation of the smallest array it is compared of."""
    weights = vae._first_weights(28, 20, _rng())
    fresh = VaeModel(28, 20, {name: values[None] for name, values in weights.items()}, np.zeros((1, 1)))
    layers = _layers(fresh, 0)
    torch.manual_seed(0)
    for name, layer in layers.items():
        layer.reset_parameters()
        theirs, ours = layer.weight.detach().numpy(), weights[f"{name}.weight"]
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.01)
        assert np.abs(weights[f"{name}.bias"]).max() <= 1.01 * np.abs(theirs).max()
        if theirs.size > 40_000:
            assert ours.std() == pytest.approx(theirs.std(), rel=0.02)


# Training.


def test_the_loss_falls_and_the_model_tells_its_images_from_others() -> None:
    images = _images(items=60)
    learner = VaeLearner(8, latents=3, epochs=30, batch=20, learning_rate=5e-3, device="cpu")
    fitted = learner.fit(images, _rng())
    assert fitted.training_loss.shape == (1, 30)
    assert fitted.training_loss[0, -1] < 0.5 * fitted.training_loss[0, 0]
    assert fitted.statistics()["training_loss"].tolist() == [fitted.training_loss[0, -1]]
    noise = Points(_rng().random((1, 60, 8, 8), dtype=np.float32))
    assert fitted.loss(images).mean < 0.5 * fitted.loss(noise).mean
    assert fitted.loss(images).mean == pytest.approx(fitted.training_loss[0, -1], rel=0.2)


def test_the_same_generator_state_gives_the_same_model_and_another_another() -> None:
    images = _images()
    assert _same(SMALL.fit(images, _rng(5)), SMALL.fit(images, _rng(5)))
    assert not _same(SMALL.fit(images, _rng(5)), SMALL.fit(images, _rng(6)))
    rng = _rng(5)
    begin = rng.bit_generator.state
    first = SMALL.fit(images, rng)
    rng.bit_generator.state = begin  # as a resumed loop does: what the generator did before does not count
    assert _same(first, SMALL.fit(images, rng))


def test_pytorchs_own_randomness_is_left_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = SMALL.fit(_images(), _rng())
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert _same(first, SMALL.fit(_images(), _rng()))


def test_replicates_do_not_touch_each_other() -> None:
    images = _images(2)
    assert not np.array_equal(images.values[0], images.values[1])
    both, first = SMALL.fit(images, _rng()), SMALL.fit(Points(images.values[:1]), _rng())
    for name, values in first.parameters.items():
        assert np.array_equal(both.parameters[name][0], values[0])
        assert not np.array_equal(both.parameters[name][1], values[0])


def test_bytes_are_scaled_to_the_unit_interval() -> None:
    images = _images()
    scaled = Points((images.values / 255).astype(np.float32))
    assert _same(SMALL.fit(images, _rng()), SMALL.fit(scaled, _rng()))


def test_progress_counts_the_epochs_of_all_replicates() -> None:
    told: list[tuple[int, int]] = []
    learner = VaeLearner(
        8, latents=2, epochs=3, device="cpu", progress=lambda done, total, what: told.append((done, total))
    )
    learner.fit(_images(2, 5), _rng())
    assert told == [(done, 6) for done in range(1, 7)]


def test_half_precision_trains_the_same_model_up_to_rounding() -> None:
    exact, rounded = (
        VaeLearner(8, latents=3, epochs=5, device="cpu", precision=precision).fit(_images(), _rng())
        for precision in ("float32", "bfloat16")
    )
    assert not _same(exact, rounded)
    assert all(values.dtype == np.float32 for values in rounded.parameters.values())
    np.testing.assert_allclose(rounded.training_loss, exact.training_loss, rtol=0.02)  # bfloat16 has 8 bits


# Weights and memory: what one step of the optimiser sees.


def _gradients(
    images: NDArray[np.uint8], noise: NDArray[np.float32], weights: list[float] | None = None, most: int = 100
) -> tuple[float, dict[str, NDArray[np.float32]]]:
    net = {name: torch.tensor(values).requires_grad_() for name, values in vae._first_weights(8, 3, _rng()).items()}
    x = torch.tensor(images / np.float32(255))
    loss = SMALL._gradient(net, x, None if weights is None else torch.tensor(weights), torch.tensor(noise), most)
    return float(loss), {name: values.grad.numpy() for name, values in net.items()}


def test_a_weight_counts_as_so_many_copies() -> None:
    images, noise = _images(items=3).values[0], _rng().standard_normal((3, 3), dtype=np.float32)
    loss, gradients = _gradients(images, noise, [2.0, 0.0, 1.0])
    expected_loss, expected = _gradients(images[[0, 0, 2]], noise[[0, 0, 2]])
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for name, values in expected.items():
        np.testing.assert_allclose(gradients[name], values, rtol=1e-3, atol=1e-4)


def test_equal_weights_change_nothing() -> None:
    images = _images()
    fitted, weighted = SMALL.fit(images, _rng()), SMALL.fit(images.weighted(7.0), _rng())
    np.testing.assert_allclose(weighted.training_loss, fitted.training_loss, rtol=1e-5)


def test_a_batch_worked_through_in_pieces_has_the_same_gradient() -> None:
    images, noise = _images(items=10).values[0], _rng().standard_normal((10, 3), dtype=np.float32)
    whole_loss, whole = _gradients(images, noise)
    loss, gradients = _gradients(images, noise, most=3)
    assert loss == pytest.approx(whole_loss, rel=1e-5)
    for name, values in whole.items():
        np.testing.assert_allclose(gradients[name], values, rtol=1e-3, atol=1e-3)


def test_too_little_memory_halves_the_images_at_a_time_until_they_fit(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[int] = []

    def work(most: int) -> str:
        asked.append(most)
        if most > 5:
            raise torch.OutOfMemoryError
        return "done"

    with caplog.at_level(logging.WARNING):
        assert vae._halving(work, 16) == ("done", 4)
    assert asked == [16, 8, 4]
    assert [record.args for record in caplog.records] == [(16, 8), (8, 4)]


def test_memory_for_less_than_one_image_is_an_error() -> None:
    def work(most: int) -> str:
        raise torch.OutOfMemoryError

    with pytest.raises(HeadwaterError, match=r'does not hold .* one image.*device="cpu"'):
        vae._halving(work, 4)


# Data.


def test_an_epoch_of_points_shows_each_image_once_in_a_new_order() -> None:
    images = Points(np.linspace(0, 1, 10, dtype=np.float32)[None, :, None, None] * np.ones((8, 8), dtype=np.float32))
    batches = vae._source(images, 0, 4, "cpu")
    rng = _rng()
    epochs = [[batch[:, 0, 0].numpy() for batch, _ in batches(rng)] for _ in range(2)]
    assert [len(batch) for batch in epochs[0]] == [4, 4, 2]
    first, second = (np.concatenate(epoch) for epoch in epochs)
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first), images.values[0, :, 0, 0])
    assert np.array_equal(np.sort(second), images.values[0, :, 0, 0])


def test_an_endless_source_never_shows_an_image_twice(model: VaeModel) -> None:
    batches = vae._source(model.decoded(10), 1, 4, "cpu")
    rng = _rng()
    epochs = [[batch.numpy() for batch, weights in batches(rng)] for _ in range(3)]
    assert [len(batch) for batch in epochs[0]] == [4, 4, 2]
    seen = np.concatenate([np.concatenate(epoch) for epoch in epochs]).reshape(30, -1)
    assert len(np.unique(seen, axis=0)) == 30
    latents = _rng().standard_normal((4, 3), dtype=np.float32)  # the first batch, by the second replicate's decoder
    hidden = torch.tensor(latents) @ torch.tensor(model.parameters["expand.weight"][1]).T
    net = _layers(model, 1)
    hidden = (hidden + torch.tensor(model.parameters["expand.bias"][1])).view(4, -1, 2, 2)
    expected = torch.sigmoid(net["decode2"](torch.relu(net["decode1"](hidden))))[:, 0].detach().numpy()
    np.testing.assert_allclose(epochs[0][0], expected, rtol=1e-4, atol=1e-6)


def test_a_model_is_fitted_to_the_decoder_of_its_own_replicate(model: VaeModel) -> None:
    endless = model.decoded(40)
    assert (endless.items, endless.replicates) == (40, 2)
    assert endless.draw(5, _rng()).values.shape == (2, 5, 8, 8)
    later = SMALL.fit(endless, _rng())
    assert later.replicates == 2
    swapped = VaeModel(8, 3, {name: values[::-1] for name, values in model.parameters.items()}, model.training_loss)
    assert not _same(later, SMALL.fit(Decoded(swapped, 40), _rng()))
    assert _same(later, SMALL.fit(endless, _rng()))


def test_samples_are_pixel_means_that_follow_the_generator(model: VaeModel) -> None:
    drawn = model.sample(6, _rng(1))
    assert drawn.values.shape == (2, 6, 8, 8)
    assert drawn.values.dtype == np.float32
    assert 0 <= drawn.values.min() < drawn.values.max() <= 1
    assert np.array_equal(drawn.values, model.sample(6, _rng(1)).values)
    assert not np.array_equal(drawn.values, model.sample(6, _rng(2)).values)
    assert model.sample(0, _rng()).values.shape == (2, 0, 8, 8)


# Collapse.


def test_the_latents_spread_less_with_every_generation() -> None:
    """Shumailov et al. 2024: each model is trained on what the one before decodes, here with scikit-learn's digits.

    The figure falls by about 0.15 a generation with a standard error below 0.02 (five latents of 400 images, and the
    noise of training), so that chance would have to move it by seven standard errors.
    """
    datasets = pytest.importorskip("sklearn.datasets")
    digits = Points((datasets.load_digits().images >= 8).astype(np.float32)[None])
    learner = VaeLearner(8, latents=5, epochs=10, batch=64, learning_rate=5e-3, device="cpu")
    rng = _rng()
    original = fitted = learner.fit(digits, rng)
    spreads = [latent_spread(original, digits)[0], latent_spread(original, fitted.sample(400, rng))[0]]
    for _ in range(2):
        fitted = learner.fit(fitted.decoded(digits.items), rng)
        spreads.append(latent_spread(original, fitted.sample(400, rng))[0])
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] < 0.8 * spreads[1]


def test_the_spread_pools_images_and_dimensions(model: VaeModel) -> None:
    images = _images(2, 9)
    means = model.encode_means(images).astype(np.float64)
    expected = [np.sqrt(np.mean((one - one.mean()) ** 2)) for one in means]
    np.testing.assert_allclose(latent_spread(model, images), expected, rtol=1e-6)


# Files.


def test_a_saved_model_comes_back_as_it_was(model: VaeModel, tmp_path: Path) -> None:
    path = tmp_path / "model"
    model.save(path)
    loaded = VaeModel.load(path, device="cpu")
    assert _same(model, loaded)
    assert (loaded.side, loaded.latents, loaded.device) == (8, 3, "cpu")
    assert np.array_equal(loaded.training_loss, model.training_loss)
    assert np.array_equal(loaded.sample(4, _rng()).values, model.sample(4, _rng()).values)
    again = tmp_path / "again"
    loaded.save(again)
    assert path.read_bytes() == again.read_bytes()


def test_a_file_that_is_no_model_is_refused(model: VaeModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing.* cannot be read"):
        VaeModel.load(tmp_path / "missing")
    text = tmp_path / "text"
    text.write_text("not a model")
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    array = tmp_path / "array.npy"
    np.save(array, np.zeros(3))
    other = tmp_path / "other.npz"
    np.savez(other, a=np.zeros(3))
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, format=np.array([{"a": 1}], dtype=object))
    for path in (text, empty, array, other, pickled):
        with pytest.raises(InputError, match="holds no auto-encoder"):
            VaeModel.load(path)
    cut = tmp_path / "cut"
    VaeModel(8, 3, {**model.parameters, "decode2.bias": np.zeros((2, 5), dtype=np.float32)}, model.training_loss).save(
        cut
    )
    with pytest.raises(InputError, match=r"damaged: decode2.bias has shape \(2, 5\)"):
        VaeModel.load(cut)
    whole = tmp_path / "whole"
    model.save(whole)
    (tmp_path / "half").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError, match="holds no auto-encoder"):
        VaeModel.load(tmp_path / "half")


# Errors.


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        VaeLearner(
            30, latents=0, epochs=0, batch=0, learning_rate=0.0, weight_decay=-1.0, device="gpu", precision="half"
        )
    assert [fault.split()[0] for fault in caught.value.faults] == [
        "side", "latents", "epochs", "batch", "learning_rate", "weight_decay", "device", "precision",
    ]  # fmt: skip
    assert VaeLearner(8, device="cuda:1").device == "cuda:1"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((1, 4, 28, 28), dtype=np.uint8), r"shape \(1, 4, 28, 28\); \(replicates, items, 8, 8\)"),
        (np.zeros((4, 8, 8), dtype=np.uint8), r"shape \(4, 8, 8\)"),
        (np.full((1, 4, 8, 8), 16.0), r"reach from 16 to 16; \[0, 1\]"),
        (np.full((1, 4, 8, 8), -0.5), r"reach from -0.5"),
        (np.full((1, 4, 8, 8), np.nan), r"reach from nan"),
        (np.zeros((1, 4, 8, 8), dtype=np.int64), r"Pixels are int64"),
    ],
)
def test_images_of_another_shape_or_range_are_refused(values: NDArray[np.float64], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SMALL.fit(Points(values), _rng())


def test_what_does_not_fit_the_model_is_refused(model: VaeModel) -> None:
    with pytest.raises(InputError, match="images of 1 replicates for models of 2"):
        latent_spread(model, _images(1))
    with pytest.raises(InputError, match="side 8; 28 is expected"):
        VaeLearner(28, device="cpu").fit(model.decoded(10), _rng())
    for nothing in (Points(np.zeros((1, 0, 8, 8), dtype=np.uint8)), model.decoded(0)):
        with pytest.raises(NotEnoughData, match="no images"):
            SMALL.fit(nothing, _rng())


def test_a_loss_that_is_no_number_stops_and_says_when() -> None:
    wild = VaeLearner(8, latents=3, epochs=9, batch=10, learning_rate=1e6, device="cpu")
    with pytest.raises(HeadwaterError, match=r"replicate 0 stopped in epoch \d of 9: the loss is (nan|inf).*1e\+06"):
        wild.fit(_images(), _rng())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_is_not_there_is_named_and_the_way_out_too(model: VaeModel, tmp_path: Path) -> None:
    with pytest.raises(HeadwaterError, match=r'device="cuda" was asked for.*Use device="cpu"'):
        VaeLearner(8, device="cuda").fit(_images(), _rng())
    model.save(tmp_path / "model")
    with pytest.raises(HeadwaterError, match=r'device="cuda:1".*Use device="cpu"'):
        VaeModel.load(tmp_path / "model", device="cuda:1").sample(1, _rng())
    assert vae._device("auto") == "cpu"


def test_without_pytorch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"headwater\[train\]"):
        SMALL.fit(_images(), _rng())
