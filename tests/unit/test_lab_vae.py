"""The experiment on images: the user's own file, and going on after a stop."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train")

from headwater.errors import ConfigError, InputError
from headwater.lab import experiment, run_experiment, settings_of

VAE = experiment("vae")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Squares of random place and brightness, 8 x 8, as uint8."""
    rng = np.random.default_rng(0)
    found = np.zeros((160, 8, 8), np.uint8)
    for image in found:
        top, left = rng.integers(0, 5, 2)
        image[top : top + 4, left : left + 4] = rng.integers(128, 256)
    path = tmp_path_factory.mktemp("images") / "squares.npz"
    np.savez(path, x_train=found[:100], x_test=found[100:])
    return path


def _settings(images: Path, **given: Any) -> Any:
    return settings_of(VAE, {"data": str(images), "epochs": 2, "generations": 2, **given})


@pytest.mark.parametrize("given", [{}, {"regime": "reserve", "samples": 60, "seeds": 2}], ids=["endless", "finite"])
def test_an_interrupted_run_goes_on_to_the_same_result(
    images: Path, tmp_path: Path, interrupted_steps: Any, given: dict[str, Any]
) -> None:
    settings = _settings(images, **given)
    whole = run_experiment(VAE, settings)
    arm = given.get("regime", "replace")
    part = "-part-1" if given else ""
    with pytest.raises(KeyboardInterrupt):
        run_experiment(VAE, settings, steps=interrupted_steps(tmp_path, f"{arm}{part}-model-2"))
    rest = interrupted_steps(tmp_path)
    resumed = run_experiment(VAE, settings, steps=rest)
    assert rest.made == [f"{arm}{part}-model-2", arm]
    assert resumed.arms[0].series == whole.arms[0].series
    assert resumed.figures == whole.figures


def test_images_of_the_users_own_are_used(images: Path) -> None:
    result = run_experiment(VAE, _settings(images))
    assert any("100 training images of squares.npz, 8 x 8" in note for note in result.notes)
    gallery = next(figure for figure in result.figures if figure.kind == "images")
    assert len(gallery.rows) == 3
    assert len(gallery.rows[0].images[0]) == 8


def test_files_that_hold_no_images_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", y=np.zeros(3))
    np.savez(tmp_path / "flat.npz", x_train=np.zeros((5, 8)), x_test=np.zeros((5, 8)))
    (tmp_path / "text.npz").write_text("no archive")
    for name, message in (
        ("other.npz", "x_train and x_test"),
        ("flat.npz", r"shape \(5, 8\)"),
        ("text.npz", "holds no images"),
        ("missing.npz", "missing.npz"),
    ):
        with pytest.raises(InputError, match=message):
            run_experiment(VAE, _settings(tmp_path / name))


def test_regimes_that_join_data_need_a_number_of_samples(images: Path) -> None:
    with pytest.raises(ConfigError, match="set samples to a number"):
        _settings(images, regime="accumulate")
