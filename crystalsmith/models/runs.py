"""Training runs on disk: resumable checkpoints without pickle, averaged weights, a loss log.

All trainers share this. A run's folder holds ``config.json`` (the exact settings),
``checkpoint.safetensors`` (weights that learn, averaged weights and optimiser), ``state.json``
(where it is) and ``log.jsonl`` (one line per report). Frozen weights are neither averaged nor
saved: adapters on a base of billions of parameters make a checkpoint of megabytes.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from crystalsmith.core.errors import CrystalsmithError, WeightsError
from crystalsmith.core.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
SAVE_EVERY = 120.0  # seconds
_CHECKPOINT, _STATE, _LOG = "checkpoint.safetensors", "state.json", "log.jsonl"


def pick_device(name: str = "auto") -> torch.device:
    """The torch device of that name; ``auto`` is the GPU when there is one.

    Raises:
        CrystalsmithError: this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):  # torch was built without CUDA, say
        raise CrystalsmithError(
            f"there is no device {name!r} on this machine; take auto, cpu or cuda"
        ) from None


@dataclass(frozen=True)
class Schedule:
    """How long to train and how fast to learn.

    Attributes:
        steps: optimiser steps in all.
        learning_rate: highest rate, reached after ``warmup`` steps, then falling as a cosine.
        warmup: steps.
        weight_decay: of AdamW.
        clip: largest gradient norm.
        average: decay of the exponential moving average of the weights.
    """

    steps: int
    learning_rate: float = 1e-3
    warmup: int = 500
    weight_decay: float = 0.01
    clip: float = 1.0
    average: float = 0.999

    def rate(self, step: int) -> float:
        """Learning rate at a step."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class TrainingRun:
    """One model being trained, with everything needed to stop and go on.

    Args:
        folder: of the run; an unfinished run found there is continued.
        model: the model, on its device.
        schedule: length and rates.
        config: written to ``config.json``; a run in the folder with another one is refused.
    """

    def __init__(
        self, folder: Path, model: nn.Module, schedule: Schedule, config: Mapping[str, Any]
    ) -> None:
        self.folder, self.model, self.schedule = folder, model, schedule
        self.step = 0
        self.average = {k: v.detach().clone() for k, v in _learning(model).items()}
        self.optimiser = torch.optim.AdamW(
            model.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
        )
        self._started = time.monotonic()
        self._seconds_before = 0.0
        self._config = json.loads(json.dumps(dict(config)))
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / _STATE).exists():
            self._resume()
        else:
            write_json(folder / CONFIG_FILE, self._config)

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.schedule.steps

    @property
    def seconds(self) -> float:
        """Training time so far, earlier sessions included."""
        return self._seconds_before + time.monotonic() - self._started

    def update(self, loss: Tensor) -> None:
        """One optimiser step for a loss (or for gradients already accumulated into it)."""
        loss.backward()
        self.apply_gradients()

    def apply_gradients(self) -> None:
        """Clip, step, forget gradients, update the averaged weights."""
        nn.utils.clip_grad_norm_(self.model.parameters(), self.schedule.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.rate(self.step)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        decay = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        current = _learning(self.model)
        torch._foreach_lerp_(
            list(self.average.values()), [current[k].detach() for k in self.average], 1 - decay
        )

    def log(self, **values: float) -> None:
        """Append a line of numbers to the log."""
        row = {"step": self.step, "seconds": round(self.seconds, 1), **values}
        with (self.folder / _LOG).open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(row) + "\n")

    def save(self) -> None:
        """Write a checkpoint; a crash leaves the previous one whole."""
        frozen = {v.data_ptr() for v in self.model.parameters() if not v.requires_grad}
        kept = {k: v for k, v in self.model.state_dict().items() if v.data_ptr() not in frozen}
        tensors = {f"model.{k}": v for k, v in _untied(kept).items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
        save_tensors(self.folder / _CHECKPOINT, tensors)
        write_json(self.folder / _STATE, {"step": self.step, "seconds": self.seconds})

    def export(self, folder: Path, dtype: torch.dtype = torch.float16) -> None:
        """Write the averaged weights with the config, ready to be shipped."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = _untied(self.model.state_dict()) | self.average
        save_weights(folder, tensors, self._config, dtype)

    def load_average(self) -> None:
        """Put the averaged weights into the model (for evaluation; training goes on from them)."""
        self.model.load_state_dict(self.average, strict=False)

    def _resume(self) -> None:
        if read_json(self.folder / CONFIG_FILE) != self._config:
            raise WeightsError(
                f"{self.folder} holds a run with other settings; give another folder or the same"
                " settings to continue it"
            )
        tensors = load_tensors(self.folder / _CHECKPOINT)
        state = read_json(self.folder / _STATE)
        try:
            self.step, self._seconds_before = int(state["step"]), float(state["seconds"])
        except (KeyError, TypeError, ValueError):
            raise WeightsError(
                f"{self.folder / _STATE} does not say where the run is; give another folder"
            ) from None
        device = next(self.model.parameters()).device
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimiser": {}}
        for name, tensor in tensors.items():
            part, key = name.split(".", 1)
            parts[part][key] = tensor.to(device)
        # tied weights are saved once, frozen ones not at all
        self.model.load_state_dict(parts["model"], strict=False)
        self.average = {k: v for k, v in parts["average"].items() if k in self.average}
        saved = self.optimiser.state_dict()
        for name, tensor in parts["optimiser"].items():
            index, key = name.split(".", 1)
            saved["state"].setdefault(int(index), {})[key] = tensor
        self.optimiser.load_state_dict(saved)


def run_epochs(
    run: TrainingRun,
    rows: int,
    batch: int,
    loss_of: Callable[[Tensor], Tensor],
    *,
    seed: int,
    seconds: float = math.inf,
    progress: Progress = silent,
) -> None:
    """Train over shuffled rows until the schedule or the time is up, saving on the way.

    Args:
        run: the run.
        rows: number of training rows.
        batch: rows per step.
        loss_of: loss of a batch, given its row indices (on the model's device).
        seed: of the order of rows.
        seconds: stop after this time even if steps remain.
        progress: told about every epoch.
    """
    device = next(run.model.parameters()).device
    generator = torch.Generator().manual_seed(seed + 7919 * run.step)
    started = saved = time.monotonic()
    while not run.finished and time.monotonic() - started < seconds:
        losses = []
        for part in torch.randperm(rows, generator=generator).split(batch):
            loss = loss_of(part.to(device))
            run.update(loss)
            losses.append(loss.detach())
            if run.finished or time.monotonic() - started > seconds:
                break
        progress("training", run.step, run.schedule.steps)
        run.log(loss=float(torch.stack(losses).mean()))
        if time.monotonic() - saved > SAVE_EVERY:
            run.save()
            saved = time.monotonic()
    run.save()


def save_weights(
    folder: Path,
    tensors: Mapping[str, Tensor],
    config: Mapping[str, Any],
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write ``model.safetensors`` and ``config.json``; floating weights in ``dtype``.

    Buffers that carry physical scales (their names end in ``_scale``, ``_mean``, ``_std`` or
    ``_volume``) keep full precision.
    """

    def shipped(name: str, tensor: Tensor) -> Tensor:
        exact = name.endswith(("_scale", "_mean", "_std", "_volume"))
        keep = exact or not tensor.is_floating_point()
        return tensor.detach().cpu().contiguous().to(tensor.dtype if keep else dtype)

    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(folder / WEIGHTS_FILE, {name: shipped(name, t) for name, t in tensors.items()})
    write_json(folder / CONFIG_FILE, dict(config))


def load_config(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a weights folder.

    Raises:
        WeightsError: it is missing or damaged.
    """
    path = folder / CONFIG_FILE
    if not path.exists():
        raise WeightsError(
            f"no model weights in {folder}; reinstall crystalsmith or give another folder"
        )
    return read_json(path)


def weights_folders(place: Path) -> list[Path]:
    """A weights folder itself, or the weights folders in it.

    Raises:
        WeightsError: it is neither.
    """
    if (place / CONFIG_FILE).exists():
        return [place]
    inside = sorted(place.iterdir()) if place.is_dir() else []
    found = [folder for folder in inside if (folder / CONFIG_FILE).exists()]
    if not found:
        raise WeightsError(
            f"no model weights in {place}; reinstall crystalsmith or give another folder"
        )
    return found


@contextmanager
def describing(folder: Path, what: str) -> Iterator[None]:
    """While a model is made after a folder's ``config.json``.

    Args:
        folder: the weights folder.
        what: the model, in words.

    Raises:
        WeightsError: the config describes no such model.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{folder / CONFIG_FILE} does not describe {what} ({error});"
            " reinstall crystalsmith or train it again"
        ) from None


def load_weights(model: nn.Module, folder: Path) -> None:
    """Fill a model from a folder's ``model.safetensors``, in the model's own precision.

    Raises:
        WeightsError: the file is missing, damaged, or belongs to another architecture.
    """
    tensors = load_tensors(folder / WEIGHTS_FILE)
    try:
        model.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
        )
    except RuntimeError:
        raise WeightsError(
            f"the weights in {folder} belong to another model than their config.json says"
        ) from None


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        WeightsError: it is missing or damaged.
    """
    try:
        return dict(load_file(path))
    except FileNotFoundError:
        raise WeightsError(
            f"the weights file {path} is missing; reinstall crystalsmith or give another folder"
        ) from None
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"the weights file {path} is damaged ({error}); reinstall crystalsmith or train again"
        ) from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object that belongs to a model.

    Raises:
        WeightsError: it is missing or damaged.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from None


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON object at once: readers see the old file or the new one."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def _learning(model: nn.Module) -> dict[str, Tensor]:
    return {k: v for k, v in model.named_parameters() if v.requires_grad}


def _untied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out names that share their memory with an earlier one."""
    seen: dict[int, str] = {}
    return {k: v for k, v in tensors.items() if seen.setdefault(v.data_ptr(), k) == k}


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file at once: readers see the old file or the new one."""
    temporary = path.with_suffix(".tmp")
    save_file({k: v.contiguous() for k, v in tensors.items()}, temporary)
    temporary.replace(path)
