"""The constraint generator on any Hugging Face causal LM: one LoRA adapter per task, no more.

The base stays as it is; the grammar's words are spelled in its own tokenizer. Settings follow
CrystalGF (Huang et al. 2024, arXiv:2411.08464, section B.2).
"""

from __future__ import annotations

import math
import re
import time
import tomllib
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from crystalsmith.core.errors import WeightsError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.constraint.examples import Task, usable
from crystalsmith.models.constraint.records import Record, read_records
from crystalsmith.models.constraint.tokenizer import Spelling, load_tokenizer
from crystalsmith.models.constraint.training import (
    ADAPTERS,
    TRAIN_FILE,
    VALIDATION_FILE,
    WEIGHTS,
    Lesson,
    learn,
    save_adapter,
)
from crystalsmith.models.runs import Schedule, pick_device

if TYPE_CHECKING:
    from peft import PeftModel

_HELD_OUT = 512  # crystals looked at when validating; a big base needs seconds for them
_ATTENTION_INPUT = re.compile(
    r"(?:(?:q|k|v|qkv|query|key|value|query_key_value)(?:_proj|_lin)?|[Ww](?:q|k|v|qkv)|W_pack|c_attn)"
)


@dataclass(frozen=True)
class AdapterTraining:
    """Settings of training adapters on a base that others made.

    Attributes:
        epochs: how often every crystal is seen by each adapter.
        batch: sequences per step.
        learning_rate: highest rate; it falls as a cosine.
        warmup: share of the steps in which it rises.
        lora_rank: rank of the adapters.
        elements_share: how often only the elements are given.
        keep_property: probability that a known property is told.
        recompute: compute activations twice instead of keeping them, which saves memory.
        model_weight: of the model beside near neighbours, recorded with the weights.
        seed: of everything random.
    """

    epochs: float = 20.0
    batch: int = 32
    learning_rate: float = 1e-4
    warmup: float = 0.1
    lora_rank: int = 8
    elements_share: float = 0.2
    keep_property: float = 0.5
    keep_context: float = 0.6
    keep_neighbour: float = 0.85
    recompute: bool = True
    model_weight: float = 0.5
    seed: int = 0

    prompt_weight = 0.0  # the question is not learned, nor
    formulas_share = 0.0  # formulas without structure

    def schedule(self, crystals: int) -> Schedule:
        """Length and rates for so many training crystals."""
        steps = max(1, math.ceil(self.epochs * crystals / self.batch))
        return Schedule(steps, self.learning_rate, warmup=math.ceil(self.warmup * steps))


def recipe_for(base: str) -> AdapterTraining:
    """The settings for a base: its own in ``recipes.toml``, or those for any base."""
    text = resources.files("crystalsmith.models.constraint").joinpath("recipes.toml").read_text()
    recipes = tomllib.loads(text)
    return AdapterTraining(**(recipes["default"] | recipes.get(base, {})))


def find_base(base: str) -> str:
    """A base as adapters record it: the whole path of a folder, or the name on the hub.

    Raises:
        WeightsError: there is no such base, which is better known before data are read.
    """
    folder = Path(base)
    if folder.is_dir() and not (folder / "config.json").exists():
        raise WeightsError(f"{base} holds no Hugging Face model: it has no config.json")
    load_tokenizer(base)
    return str(folder.resolve()) if folder.is_dir() else base


def attention_inputs(model: torch.nn.Module) -> list[str]:
    """Names of the layers that compute queries, keys and values, however the base calls them.

    Raises:
        WeightsError: the base has none that can be recognised.
    """
    names = (name.rsplit(".", 1) for name, _ in model.named_modules() if "." in name)
    found = {
        own for parent, own in names if "att" in parent.lower() and _ATTENTION_INPUT.fullmatch(own)
    }
    if not found:
        raise WeightsError(
            f"a {type(model).__name__} has no layers that compute queries, keys and values;"
            " take a transformer with attention as base"
        )
    return sorted(found)


def train_on_base(
    base: str,
    records_folder: Path,
    folder: Path,
    settings: AdapterTraining,
    *,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> bool:
    """Train, or go on training, both adapters; they end up in ``folder/weights``.

    Args:
        base: a folder or a name on the Hugging Face hub.
        records_folder: with training and validation records.
        folder: of the run.
        settings: what and how long.
        device: torch device.
        seconds: stop after this time even if steps remain.
        progress: told about every report.

    Returns:
        Whether both are finished; the time may have run out before.

    Raises:
        WeightsError: the base cannot be loaded, or the run in the folder has other settings.
    """
    started = time.monotonic()
    crystals = [r for r in read_records(records_folder / TRAIN_FILE) if usable(r)]
    held_out = read_records(records_folder / VALIDATION_FILE)[:_HELD_OUT]
    for task in ADAPTERS:
        model, spelling = _with_adapter(base, settings, device)
        lesson = _lesson(task, crystals, held_out, settings, spelling, base)
        left = seconds - (time.monotonic() - started)
        finished = learn(
            model, lesson, folder / task, device=device, seconds=left, progress=progress
        )
        save_adapter(model, folder / WEIGHTS / task)
        if not finished:
            return False
    return True


def _lesson(
    task: Task,
    crystals: list[Record],
    held_out: list[Record],
    settings: AdapterTraining,
    spelling: Spelling,
    base: str,
) -> Lesson:
    return Lesson(
        task=task,
        crystals=crystals,
        formulas=[],
        held_out=held_out,
        settings=settings,
        spelling=spelling,
        schedule=settings.schedule(len(crystals)),
        config={"model": f"constraint-{task}", "base": base, "training": asdict(settings)},
        seed=settings.seed,
        check_batch=settings.batch,
    )


def _with_adapter(base: str, settings: AdapterTraining, device: str) -> tuple[PeftModel, Spelling]:
    """The base with one fresh adapter, and its spelling of the grammar."""
    from peft import LoraConfig, get_peft_model

    where = pick_device(device)
    model, tokenizer = _load(base, torch.bfloat16 if where.type == "cuda" else torch.float32)
    if settings.recompute:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.config.use_cache = False
    torch.manual_seed(settings.seed)
    lora = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        target_modules=attention_inputs(model),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora), Spelling(tokenizer)


def _load(base: str, dtype: torch.dtype) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    tokenizer = load_tokenizer(base)
    try:
        return AutoModelForCausalLM.from_pretrained(base, dtype=dtype), tokenizer
    except Exception as error:  # each library has exceptions of its own for damaged files
        reason = str(error).strip().split("\n")[0][:200]
        raise WeightsError(
            f"the base model {base} cannot be loaded ({reason}); give a folder with a Hugging Face"
            " causal language model, or its name on the hub"
        ) from None
