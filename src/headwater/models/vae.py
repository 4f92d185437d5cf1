"""A convolutional variational auto-encoder: the image laboratory of model collapse.

The model, its loss and its training are those of Shumailov et al. 2024 (Nature 631, 755; code: Zenodo
10.5281/zenodo.10866595). The encoder halves the side of the image twice (4x4 convolutions, stride 2), a linear map
gives mean and log variance of the latents, and the decoder mirrors both. The loss of an image x is the negative ELBO

    -ln p(x | z) + KL(q(z | x) || N(0, 1)),    z ~ q(z | x) = N(mean(x), exp(log variance(x)))

with the summed binary cross-entropy of the pixels as the first term. What the model writes are the decoder's pixel
means for z ~ N(0, 1), as in the published loop; no pixel is drawn from its Bernoulli law.

A later generation is trained on a finite set of such images (:class:`~headwater.models.samples.Points`) or, as
published, on images that the previous decoder draws anew for every batch (:class:`Decoded`): the synthetic data never
run out, which leaves the error of the fit as the only cause of collapse.

PyTorch is loaded by the first fit, sample or loss, never by importing this module. Every random number comes from the
numpy generator that is passed in. On a CPU the same generator and the same number of PyTorch threads give the same
model, bit for bit; on a GPU only up to rounding.
"""

import logging
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, Diverged, HeadwaterError, InputError, MissingExtraError, NotEnoughData
from headwater.models.learner import Losses, Tell
from headwater.models.samples import Points

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
Parameters = Mapping[str, "Tensor"]
_Batches = Callable[[np.random.Generator], Iterator[tuple["Tensor", "Tensor | None"]]]
"""Yields the batches of one epoch: images in [0, 1] on the device, and their weights."""

_log = logging.getLogger(__name__)

_LARGE_SIDE = 16
"""From this side on an image gets the published channels; below, as for 8x8 digits, a quarter of them."""
_CHUNK = 1024
"""Images that go through the network together outside training."""
_FORMAT = 1
_PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True, slots=True, eq=False)
class VaeModel:
    """Fitted auto-encoders, one per replicate."""

    side: int
    """Pixels along each side of an image."""
    latents: int
    parameters: Mapping[str, NDArray[np.float32]]
    """Weights by name, each of shape (replicates, ...)."""
    training_loss: NDArray[np.float64]
    """Mean loss during each epoch, in nats per image, shape (replicates, epochs)."""
    device: str = "auto"
    """Where it is computed: ``auto``, ``cpu`` or ``cuda``."""

    @property
    def replicates(self) -> int:
        """Number of replicates."""
        return len(self.training_loss)

    @property
    def size(self) -> int:
        """Number of parameters of one replicate."""
        return sum(math.prod(shape) for shape in _shapes(self.side, self.latents).values())

    def sample(self, n: int, rng: np.random.Generator) -> Points:
        """Return ``n`` images per replicate: pixel means in [0, 1], float32, shape (replicates, n, side, side)."""
        noise = rng.standard_normal((self.replicates, n, self.latents), dtype=np.float32)
        return Points(_apply(self, lambda net, latents: _decode(net, latents).sigmoid(), noise))

    def decoded(self, items: int) -> "Decoded":
        """Return the endless data set of this model's images, of which ``items`` make an epoch."""
        return Decoded(self, items)

    def encode_means(self, images: Points) -> NDArray[np.float32]:
        """Return the means of the latents given the images, shape (replicates, items, latents)."""
        values = _checked(images, self.side, self.replicates)
        return _apply(self, lambda net, batch: _encode(net, batch)[0], values)

    def loss(self, samples: Points) -> Losses:
        """Return the negative ELBO of each image in nats; an image counts as one token.

        The expectation over the latents is taken at one draw per image, always the same one, so that the loss is a
        function of model and images alone. It is an upper bound on the negative log-likelihood, up to that draw.
        """
        values = _checked(samples, self.side, self.replicates)
        noise = np.random.default_rng(0).standard_normal((1, values.shape[1], self.latents), dtype=np.float32)
        nats = _apply(self, _negative_elbo, values, np.broadcast_to(noise, (self.replicates, *noise.shape[1:])))
        return Losses(nats.astype(np.float64), np.ones(nats.shape, dtype=np.int64))

    def statistics(self) -> Mapping[str, NDArray[np.float64]]:
        """Return the loss of the last epoch of training, in nats per image, shape (replicates,)."""
        return {"training_loss": self.training_loss[:, -1]}

    def save(self, path: Path) -> None:
        """Write the model to a file of plain arrays (numpy's npz, nothing pickled)."""
        with Path(path).open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                format=np.int64(_FORMAT),
                side=np.int64(self.side),
                latents=np.int64(self.latents),
                training_loss=self.training_loss,
                **{f"parameters/{name}": values for name, values in self.parameters.items()},
            )

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> "VaeModel":
        """Return a model that :meth:`save` wrote.

        Args:
            path: the file.
            device: where the model is to be computed.

        Raises:
            InputError: the file is missing, or holds no such model.
        """
        try:
            # Opened here: numpy leaves a file open that turns out to be damaged.
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                if (version := int(arrays["format"])) != _FORMAT:
                    raise InputError(f"{path} has format {version}; this version of headwater reads format {_FORMAT}.")
                side, latents, training_loss = int(arrays["side"]), int(arrays["latents"]), arrays["training_loss"]
                parameters = {name: arrays[f"parameters/{name}"] for name in _shapes(side, latents)}
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
        except (KeyError, TypeError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} holds no auto-encoder, or not all of it. Pass a file that was saved.") from error
        for name, shape in _shapes(side, latents).items():
            if parameters[name].shape != (len(training_loss), *shape):
                raise InputError(f"{path} is damaged: {name} has shape {parameters[name].shape}.")
        return cls(side, latents, parameters, training_loss, device)


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """The images of a decoder as a data set that never runs out: an epoch sees each image once and never again."""

    model: VaeModel
    items: int
    """Images that make an epoch."""

    @property
    def replicates(self) -> int:
        """Number of replicates."""
        return self.model.replicates

    def draw(self, items: int, rng: np.random.Generator) -> Points:
        """Return ``items`` new images of each replicate."""
        return self.model.sample(items, rng)


@dataclass(frozen=True, slots=True)
class VaeLearner:
    """Fits one auto-encoder per replicate, one after the other, from new random weights.

    The defaults are the published settings. For 28x28 images they give 647,081 parameters.

    Raises:
        ConfigError: a setting is out of its range.
    """

    side: int
    """Pixels along each side of an image: a multiple of 4, 8 at least."""
    latents: int = 20
    epochs: int = 30
    batch: int = 256
    """Images per step of the optimiser. Where memory is short a step is worked through in pieces, with the same
    result."""
    learning_rate: float = 1e-3
    """Of Adam, whose gradient is that of the summed loss of the batch."""
    weight_decay: float = 1e-5
    device: str = "auto"
    """``auto`` (cuda where there is one, else cpu), ``cpu``, ``cuda`` or ``cuda:N``."""
    precision: str = "auto"
    """``float32``, or ``bfloat16`` for the matrix products of the training; ``auto`` is float32, which was the faster
    one on a CPU with bfloat16 instructions: 347 against 395 ms a step at one thread (28x28, batch 256)."""
    progress: Tell | None = field(default=None, compare=False, repr=False)
    """Told after each epoch: epochs done, epochs of all replicates, and what was done."""

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {getattr(self, name)}; it must be {allowed}"
            for name, allowed, holds in (
                (
                    "side",
                    "a multiple of 4, 8 at least (pad or scale the images)",
                    self.side >= 8 and self.side % 4 == 0,
                ),
                ("latents", "1 at least", self.latents >= 1),
                ("epochs", "1 at least", self.epochs >= 1),
                ("batch", "1 at least", self.batch >= 1),
                ("learning_rate", "above 0", self.learning_rate > 0 and math.isfinite(self.learning_rate)),
                ("weight_decay", "0 or more", self.weight_decay >= 0 and math.isfinite(self.weight_decay)),
                ("device", "auto, cpu, cuda or cuda:N", _is_device(self.device)),
                ("precision", " or ".join(_PRECISIONS), self.precision in _PRECISIONS),
            )
            if not holds
        ]
        if faults:
            raise ConfigError(faults, "the auto-encoder")

    def fit(self, samples: Points | Decoded, rng: np.random.Generator) -> VaeModel:
        """Return auto-encoders fitted to images.

        Args:
            samples: images of shape (replicates, items, side, side), uint8 or floating point in [0, 1], where weights
                are honoured; or an endless source of them.
            rng: decides the first weights, the order of the images and the latents.

        Raises:
            InputError: the images have another side, or are not scaled to [0, 1].
            NotEnoughData: there are no images.
            Diverged: the loss is no number any more.
            HeadwaterError: the device is missing, or its memory is too small.
            MissingExtraError: PyTorch is not installed.
        """
        _torch()
        device = _device(self.device)
        if isinstance(samples, Decoded):
            if samples.model.side != self.side:
                raise InputError(f"The decoder writes images of side {samples.model.side}; {self.side} is expected.")
        else:
            _checked(samples, self.side, samples.replicates)
        if not samples.items:
            raise NotEnoughData("There are no images to fit; one at least is needed.")
        nets, losses = [], []
        # not rng.spawn(): its children depend on how often it was called, so that a resumed loop would differ
        seeds = rng.integers(2**32, size=(samples.replicates, 4))
        for replicate, own in enumerate(map(np.random.default_rng, seeds)):
            source = _source(samples, replicate, self.batch, device)
            net, loss = self._train(source, samples.items, replicate, samples.replicates, own, device)
            nets.append({name: values.detach().cpu().numpy() for name, values in net.items()})
            losses.append(loss)
        parameters = {name: np.stack([net[name] for net in nets]) for name in nets[0]}
        return VaeModel(self.side, self.latents, parameters, np.array(losses), self.device)

    def _train(
        self, source: _Batches, items: int, replicate: int, replicates: int, rng: np.random.Generator, device: str
    ) -> tuple[Parameters, list[float]]:
        """Return the weights of one replicate and the mean loss of each epoch in nats per image."""
        torch = _torch()
        net = {
            name: torch.tensor(values, device=device).requires_grad_()
            for name, values in _first_weights(self.side, self.latents, rng).items()
        }
        adam = torch.optim.Adam(net.values(), self.learning_rate, weight_decay=self.weight_decay, fused=True)
        losses: list[float] = []
        piece = self.batch
        for epoch in range(1, self.epochs + 1):
            total = torch.zeros((), device=device, dtype=torch.float64)
            for images, weights in source(rng):
                noise = _noise(rng, len(images), self.latents, device)
                loss, piece = _halving(lambda most: self._gradient(net, images, weights, noise, most), piece)  # noqa: B023
                adam.step()
                total += loss
            losses.append(float(total) / items)  # once an epoch: reading a number waits for the GPU
            if not math.isfinite(losses[-1]):
                raise Diverged(
                    f"Training replicate {replicate} stopped in epoch {epoch} of {self.epochs}: the loss is "
                    f"{losses[-1]} (learning rate {self.learning_rate:g}). Lower the learning rate."
                )
            if self.progress is not None:
                done = replicate * self.epochs + epoch
                self.progress(done, replicates * self.epochs, f"epoch {epoch}, {losses[-1]:.1f} nats per image")
        return net, losses

    def _gradient(
        self,
        net: Parameters,
        images: "Tensor",
        weights: "Tensor | None",
        noise: "Tensor",
        most: int,
    ) -> "Tensor":
        """Set the gradients of a batch, ``most`` images at a time, and return its summed loss."""
        torch = _torch()
        for values in net.values():
            values.grad = None
        total = torch.zeros((), device=images.device)
        for part in _slices(len(images), most):
            with torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                nats = _negative_elbo(net, images[part], noise[part])
            loss = (nats if weights is None else nats * weights[part]).sum()
            torch.autograd.backward(loss)
            total += loss.detach()
        return total


def latent_spread(original: VaeModel, images: Points) -> NDArray[np.float64]:
    """Return how far images spread in the latent space of the first model, shape (replicates,).

    The standard deviation of the latents' means over all images and dimensions together, for the encoder of generation
    0 (Shumailov et al. 2024, code of the figure, which takes 100 images of each generation). It is 0 where all images
    have the latents 0, and falls when images lose variety or become blurred, which leaves the encoder in doubt.

    Args:
        original: the model of generation 0.
        images: shape (replicates, items, side, side), in [0, 1].
    """
    return original.encode_means(images).std(axis=(1, 2), dtype=np.float64)


# The network. Images are (n, side, side), latents (n, latents).


def _shapes(side: int, latents: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights and biases by name."""
    narrow, wide = (64, 128) if side >= _LARGE_SIDE else (16, 32)
    flat = wide * (side // 4) ** 2
    return {
        "encode1.weight": (narrow, 1, 4, 4),
        "encode1.bias": (narrow,),
        "encode2.weight": (wide, narrow, 4, 4),
        "encode2.bias": (wide,),
        "latent.weight": (2 * latents, flat),  # means, then log variances
        "latent.bias": (2 * latents,),
        "expand.weight": (flat, latents),
        "expand.bias": (flat,),
        "decode1.weight": (wide, narrow, 4, 4),
        "decode1.bias": (narrow,),
        "decode2.weight": (narrow, 1, 4, 4),
        "decode2.bias": (1,),
    }


def _first_weights(side: int, latents: int, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Return random weights of the same law as PyTorch's own layers, which the published code starts from.

    Weights and biases of a layer are uniform within 1 / sqrt(fan in), where PyTorch takes the product of all but the
    first dimension of the weights for the fan in, transposed convolutions included.
    """
    shapes = _shapes(side, latents)
    bounds = {name: 1 / math.sqrt(math.prod(shapes[f"{name.split('.')[0]}.weight"][1:])) for name in shapes}
    return {name: rng.uniform(-bounds[name], bounds[name], shape).astype(np.float32) for name, shape in shapes.items()}


def _encode(net: Parameters, images: "Tensor") -> "tuple[Tensor, Tensor]":
    """Return mean and log variance of the latents."""
    F = _torch().nn.functional
    hidden = F.conv2d(images[:, None], net["encode1.weight"], net["encode1.bias"], stride=2, padding=1).relu()
    hidden = F.conv2d(hidden, net["encode2.weight"], net["encode2.bias"], stride=2, padding=1).relu()
    mean, log_variance = F.linear(hidden.flatten(1), net["latent.weight"], net["latent.bias"]).float().chunk(2, dim=1)
    return mean, log_variance


def _decode(net: Parameters, latents: "Tensor") -> "Tensor":
    """Return the log odds of the pixels."""
    F = _torch().nn.functional
    wide = len(net["decode1.weight"])
    hidden = F.linear(latents, net["expand.weight"], net["expand.bias"])
    quarter = math.isqrt(hidden.shape[1] // wide)
    hidden = hidden.view(len(latents), wide, quarter, quarter)
    hidden = F.conv_transpose2d(hidden, net["decode1.weight"], net["decode1.bias"], stride=2, padding=1).relu()
    return F.conv_transpose2d(hidden, net["decode2.weight"], net["decode2.bias"], stride=2, padding=1)[:, 0]


def _negative_elbo(net: Parameters, images: "Tensor", noise: "Tensor") -> "Tensor":
    """Return the loss of each image in nats, shape (n,)."""
    F = _torch().nn.functional
    mean, log_variance = _encode(net, images)
    log_odds = _decode(net, mean + (log_variance / 2).exp() * noise)
    # Cross-entropy from log odds: that of a sigmoid which has reached 0 or 1 would be infinite.
    pixels = F.binary_cross_entropy_with_logits(log_odds.float(), images, reduction="none").flatten(1).sum(1)
    return pixels - (1 + log_variance - mean.square() - log_variance.exp()).sum(1) / 2


# Data, devices and memory.


def _source(samples: Points | Decoded, replicate: int, batch: int, device: str) -> _Batches:
    """Return the batches of a replicate; the last one of an epoch holds what is left."""
    torch = _torch()
    if isinstance(samples, Decoded):
        decoder = _net(samples.model, replicate, device)

        def decoded(rng: np.random.Generator) -> "Iterator[tuple[Tensor, Tensor | None]]":
            for part in _slices(samples.items, batch):
                latents = _noise(rng, part.stop - part.start, samples.model.latents, device)
                with torch.no_grad():
                    images = _decode(decoder, latents).sigmoid()
                yield images, None

        return decoded

    values = torch.tensor(samples.values[replicate], device=device)
    weights = samples.weights
    shares = None if weights is None else torch.tensor(weights / weights.mean(), device=device, dtype=torch.float32)

    def shuffled(rng: np.random.Generator) -> "Iterator[tuple[Tensor, Tensor | None]]":
        order = torch.tensor(rng.permutation(len(values)), device=device)
        for part in _slices(len(values), batch):
            index = order[part]
            yield _scaled(values[index]), None if shares is None else shares[index]

    return shuffled


def _apply(
    model: VaeModel, work: "Callable[..., Tensor]", *arrays: NDArray[np.float32] | NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return what the network of each replicate makes of its part of the arrays, (replicates, items, ...) each."""
    torch = _torch()
    device = _device(model.device)

    def of_replicate(replicate: int, most: int) -> NDArray[np.float32]:
        net = _net(model, replicate, device)
        made = [
            work(net, *(_scaled(torch.tensor(array[replicate, part], device=device)) for array in arrays)).cpu()
            for part in _slices(arrays[0].shape[1], most) or [slice(0)]  # without images too there is a result
        ]
        return np.asarray(torch.cat(made).numpy())

    piece = _CHUNK
    results = []
    for replicate in range(model.replicates):
        with torch.inference_mode():
            result, piece = _halving(lambda most: of_replicate(replicate, most), piece)  # noqa: B023
        results.append(result)
    return np.stack(results)


def _net(model: VaeModel, replicate: int, device: str) -> Parameters:
    """Return the weights of one replicate on the device."""
    torch = _torch()
    return {name: torch.tensor(values[replicate], device=device) for name, values in model.parameters.items()}


def _noise(rng: np.random.Generator, n: int, latents: int, device: str) -> "Tensor":
    """Return standard normal latents, the same ones on every device."""
    drawn: Tensor = _torch().from_numpy(rng.standard_normal((n, latents), dtype=np.float32))
    return drawn.to(device)


def _scaled(values: "Tensor") -> "Tensor":
    """Return float32; bytes are scaled to [0, 1] here, a batch at a time, and take a quarter of the memory before."""
    return values.float() if values.is_floating_point() else values.float() / 255


def _checked(images: Points, side: int, replicates: int) -> NDArray[Any]:
    """Return the values of images that the network can take.

    Raises:
        InputError: the shape or the range is another one.
    """
    values = images.values
    if values.ndim != 4 or values.shape[2:] != (side, side):
        raise InputError(f"Images have shape {values.shape}; (replicates, items, {side}, {side}) is expected.")
    if len(values) != replicates:
        raise InputError(f"There are images of {len(values)} replicates for models of {replicates}; pass as many.")
    if values.dtype != np.uint8:
        if not np.issubdtype(values.dtype, np.floating):
            raise InputError(f"Pixels are {values.dtype}; pass uint8 (0 to 255) or floating point in [0, 1].")
        if values.size and not (values.min() >= 0 and values.max() <= 1):  # NaN fails it too
            raise InputError(
                f"Pixels reach from {values.min():g} to {values.max():g}; [0, 1] is expected. "
                "Divide them by the largest value they can take."
            )
    return values


def _slices(items: int, most: int) -> list[slice]:
    """Return consecutive slices of at most ``most`` items."""
    return [slice(start, min(start + most, items)) for start in range(0, items, most)]


def _halving(work: Callable[[int], T], most: int) -> tuple[T, int]:
    """Return what ``work`` gives for as many images at a time as the GPU's memory holds, and that number.

    Args:
        work: takes the number of images to hold in memory together; its result may not depend on it.
        most: the number to begin with, halved until it fits.

    Raises:
        HeadwaterError: a single image does not fit.
    """
    torch = _torch()
    while True:
        try:
            return work(most), most
        except torch.OutOfMemoryError as error:
            if most == 1:
                raise HeadwaterError(
                    "The GPU's memory does not hold the auto-encoder and one image. Free memory there, or use "
                    'device="cpu".'
                ) from error
        # Outside of the handler: the traceback would keep alive what has to be freed.
        torch.cuda.empty_cache()
        _log.warning("out of GPU memory with %d images at a time; going on with %d, same result", most, most // 2)
        most //= 2


def _is_device(device: str) -> bool:
    name, colon, number = device.partition(":")
    return device in {"auto", "cpu", "cuda"} or (name == "cuda" and bool(colon) and number.isdecimal())


def _device(asked: str) -> str:
    """Return the device to compute on.

    Raises:
        HeadwaterError: a GPU was asked for that is not there.
    """
    torch = _torch()
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked == "auto":
        return "cuda" if found else "cpu"
    if asked.startswith("cuda") and int(asked.partition(":")[2] or 0) >= found:
        raise HeadwaterError(
            f'device="{asked}" was asked for, but PyTorch {torch.__version__} finds {found or "no"} CUDA '
            f'device{"" if found == 1 else "s"} here. Use device="cpu", or install PyTorch with CUDA.'
        )
    return asked


def _torch() -> Any:
    """Return PyTorch, loaded now.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("The auto-encoder", "train") from error
    return torch
