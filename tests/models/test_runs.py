"""Training runs on disk: going on where they stopped, shipping, and what damage looks like."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from crystalsmith.core.errors import CrystalsmithError, WeightsError
from crystalsmith.models.runs import (
    Schedule,
    TrainingRun,
    load_config,
    load_weights,
    pick_device,
    run_epochs,
    save_weights,
)

SCHEDULE = Schedule(steps=10, learning_rate=0.01, warmup=2)
CONFIG = {"model": "tiny", "network": {"width": 4}, "range": (0.0, 1.5)}


class Tiny(nn.Module):
    """A few layers, a buffer of physical scale and one of counts; weights may be tied."""

    def __init__(self, seed=0, tied=False):
        super().__init__()
        torch.manual_seed(seed)
        self.first = nn.Linear(3, 4)
        self.last = nn.Linear(4, 4, bias=False)
        self.again = nn.Linear(4, 4, bias=False)
        if tied:
            self.again.weight = self.last.weight
        self.register_buffer("target_mean", torch.tensor([1.0 / 3.0]))
        self.register_buffer("counts", torch.tensor([70_001]))

    def forward(self, x):
        return self.again(self.last(self.first(x).tanh())).sum(-1) + self.target_mean


def batch(step):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(8, 3, generator=generator)
    return x, x.sum(1).sin()


def loss_of(model, step):
    x, y = batch(step)
    return (model(x) - y).square().mean()


def train(run, steps):
    for _ in range(steps):
        run.update(loss_of(run.model, run.step))


def state_of(run):
    tensors = dict(run.model.state_dict()) | {f"average {k}": v for k, v in run.average.items()}
    for index, state in run.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser {index} {k}": torch.as_tensor(v) for k, v in state.items()}
    return tensors


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


@pytest.mark.parametrize("tied", [False, True])
def test_a_stopped_run_ends_where_an_unbroken_one_does(tmp_path, tied):
    unbroken = TrainingRun(tmp_path / "unbroken", Tiny(tied=tied), SCHEDULE, CONFIG)
    train(unbroken, 10)
    first = TrainingRun(tmp_path / "stopped", Tiny(tied=tied), SCHEDULE, CONFIG)
    train(first, 4)
    first.save()
    second = TrainingRun(tmp_path / "stopped", Tiny(1, tied), SCHEDULE, CONFIG)
    assert second.step == 4
    assert not second.finished
    assert same(state_of(first), state_of(second))
    train(second, 6)
    assert second.finished
    assert same(state_of(unbroken), state_of(second))


def test_what_was_not_saved_is_done_again(tmp_path):
    run = TrainingRun(tmp_path, Tiny(), SCHEDULE, CONFIG)
    train(run, 3)
    run.save()
    saved = {name: tensor.clone() for name, tensor in state_of(run).items()}
    train(run, 2)
    (tmp_path / "checkpoint.tmp").write_bytes(b"half a checkpoint")
    again = TrainingRun(tmp_path, Tiny(seed=1), SCHEDULE, CONFIG)
    assert again.step == 3
    assert same(saved, state_of(again))


def test_a_run_that_never_saved_begins_again(tmp_path):
    train(TrainingRun(tmp_path, Tiny(), SCHEDULE, CONFIG), 3)
    assert TrainingRun(tmp_path, Tiny(), SCHEDULE, CONFIG).step == 0


def test_other_settings_are_refused_and_nothing_is_touched(tmp_path):
    run = TrainingRun(tmp_path, Tiny(), SCHEDULE, CONFIG)
    train(run, 3)
    run.save()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(WeightsError, match="other settings; give another folder"):
        TrainingRun(tmp_path, Tiny(), SCHEDULE, CONFIG | {"network": {"width": 5}})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert TrainingRun(tmp_path, Tiny(), SCHEDULE, CONFIG).step == 3


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (name, damage)
        for name in ("checkpoint.safetensors", "state.json", "config.json")
        for damage in ("missing", "empty", "half", "noise", "null", "nothing inside")
        if (name, damage) != ("state.json", "missing")  # a run that never saved
    ],
)
def test_damaged_runs_are_refused_in_words(tmp_path, name, damage):
    run = TrainingRun(tmp_path, Tiny(), SCHEDULE, CONFIG)
    train(run, 3)
    run.save()
    path = tmp_path / name
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        contents = {
            "empty": b"",
            "half": whole[: len(whole) // 2],
            "noise": bytes(range(255, 0, -1)) * 20,
            "null": b"null",
            "nothing inside": b"{}",
        }
        path.write_bytes(contents[damage])
    with pytest.raises(WeightsError) as error:
        TrainingRun(tmp_path, Tiny(), SCHEDULE, CONFIG)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


def test_shipped_weights_are_the_averaged_ones(tmp_path):
    run = TrainingRun(tmp_path / "run", Tiny(), SCHEDULE, CONFIG)
    train(run, 10)
    run.export(tmp_path / "weights", torch.float32)
    model = Tiny(seed=1)
    load_weights(model, tmp_path / "weights")
    loaded = dict(model.named_parameters())
    assert all(torch.equal(loaded[name], value) for name, value in run.average.items())
    assert not torch.equal(model.first.weight, run.model.first.weight)
    assert load_config(tmp_path / "weights") == json.loads(json.dumps(CONFIG))
    assert {p.name for p in (tmp_path / "weights").iterdir()} == {
        "config.json",
        "model.safetensors",
    }
    run.load_average()
    assert torch.equal(run.model.first.weight, run.average["first.weight"])


def test_half_precision_spares_physical_scales_and_integers(tmp_path):
    run = TrainingRun(tmp_path, Tiny(), SCHEDULE, CONFIG)
    run.export(tmp_path / "weights")
    stored = load_file(tmp_path / "weights" / "model.safetensors")
    assert stored["first.weight"].dtype == torch.float16
    assert stored["target_mean"].dtype == torch.float32
    model = Tiny(seed=1)
    load_weights(model, tmp_path / "weights")
    assert model.first.weight.dtype == torch.float32
    assert torch.allclose(model.first.weight, run.average["first.weight"], atol=1e-3)
    assert float(model.target_mean) == pytest.approx(1 / 3, abs=1e-7)
    assert int(model.counts) == 70_001


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(WeightsError, match="no model weights in"):
        load_config(tmp_path)
    with pytest.raises(WeightsError, match="is missing; reinstall"):
        load_weights(Tiny(), tmp_path)


@pytest.mark.parametrize("content", [b"", b"not tensors", b"\x00" * 64])
def test_damaged_weights_are_refused_in_words(tmp_path, content):
    save_weights(tmp_path, Tiny().state_dict(), CONFIG)
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="is damaged") as error:
        load_weights(Tiny(), tmp_path)
    assert "\n" not in str(error.value)


def test_weights_of_another_model_are_refused(tmp_path):
    save_weights(tmp_path, nn.Linear(3, 5).state_dict(), CONFIG)
    with pytest.raises(WeightsError, match="belong to another model"):
        load_weights(nn.Linear(3, 4), tmp_path)
    with pytest.raises(WeightsError, match="belong to another model"):
        load_weights(Tiny(), tmp_path)


def epochs(folder, steps, seen, seed=0, **options):
    model = Tiny()
    run = TrainingRun(folder, model, Schedule(steps, warmup=1), {})

    def loss(rows):
        seen.append(rows.tolist())
        return loss_of(model, int(rows[0]))

    run_epochs(run, 10, 4, loss, seed=seed, **options)
    return run


def test_an_epoch_sees_every_row_once(tmp_path):
    seen, told = [], []
    run = epochs(tmp_path, 6, seen, progress=lambda *step: told.append(step))
    assert run.finished
    assert [len(rows) for rows in seen] == [4, 4, 2, 4, 4, 2]
    for part in (seen[:3], seen[3:]):
        assert sorted(row for rows in part for row in rows) == list(range(10))
    assert seen[:3] != seen[3:]
    assert told == [("training", 3, 6), ("training", 6, 6)]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6]
    assert all(line["loss"] > 0 for line in lines)


def test_the_seed_decides_the_order(tmp_path):
    orders = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        seen = []
        run = epochs(tmp_path / name, 5, seen, seed)
        orders.append((seen, run.model.first.weight.tolist()))
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]


def test_a_finished_run_does_nothing_more(tmp_path):
    weights = epochs(tmp_path, 5, []).model.first.weight
    seen = []
    again = epochs(tmp_path, 5, seen)
    assert seen == []
    assert torch.equal(again.model.first.weight, weights)


def test_time_that_is_up_stops_a_run_which_goes_on_later(tmp_path):
    run = epochs(tmp_path, 5, [], seconds=0)
    assert run.step == 0
    assert epochs(tmp_path, 5, []).finished


@given(
    steps=st.integers(1, 2000),
    warmup=st.integers(1, 500),
    rate=st.floats(1e-5, 1.0),
)
def test_learning_rates_rise_then_fall(steps, warmup, rate):
    schedule = Schedule(steps, rate, warmup)
    rates = [schedule.rate(step) for step in range(steps)]
    top = min(warmup, steps)
    assert all(0 < value <= rate * (1 + 1e-9) for value in rates)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert schedule.rate(steps + warmup) < rate * 1e-6


def test_devices_by_name():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device() == torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(CrystalsmithError, match="no device 'abacus'"):
        pick_device("abacus")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_gpu_that_is_not_there():
    with pytest.raises(CrystalsmithError, match="no device 'cuda'"):
        pick_device("cuda")
