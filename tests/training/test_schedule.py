"""The learning rate warms up, then only falls."""

from ninefold.training.config import TrainConfig
from ninefold.training.schedule import learning_rate

CONFIG = TrainConfig(num_steps=100, batch_size=1, learning_rate=2.0, warmup_steps=10)


def test_the_peak_is_reached_after_the_warm_up() -> None:
    rates = [learning_rate(step, CONFIG) for step in range(10)]
    assert rates == sorted(rates)
    assert rates[-1] == CONFIG.learning_rate


def test_the_rate_falls_to_its_final_fraction() -> None:
    rates = [learning_rate(step, CONFIG) for step in range(10, 101)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == CONFIG.learning_rate * CONFIG.final_rate_fraction
