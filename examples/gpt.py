"""A small GPT that learns to write a text character by character: `python examples/gpt.py [TEXT]`.

Two layers of attention, width 64, 64 characters of context. Without a text of your own it reads what Python's `help`
says about the language, which every Python has on disk.
"""

import re
import sys
import time
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np

import micrograd_np as mg
from micrograd_np import nn, optim

WIDTH, HEADS, LAYERS, CONTEXT = 64, 4, 2, 64


class Block(nn.Module):
    """Each place looks at those before it, then thinks about what it saw; both are added to what it knew."""

    def __init__(self, drawn):
        self.before_attention = nn.LayerNorm(WIDTH, dtype=np.float32)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, **drawn)
        self.before_thought = nn.LayerNorm(WIDTH, dtype=np.float32)
        self.thought = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH, **drawn), nn.GELU("tanh"), nn.Linear(4 * WIDTH, WIDTH, **drawn)
        )

    def forward(self, x):
        seen = self.before_attention(x)
        x = x + self.attention(seen, seen, seen, is_causal=True, need_weights=False)[0]
        return x + self.thought(self.before_thought(x))


class GPT(nn.Module):
    """Characters (N, L) to logits of what comes next at each place, (N, L, characters)."""

    def __init__(self, characters, rng):
        drawn = {"rng": rng, "dtype": np.float32}
        self.character = nn.Embedding(characters, WIDTH, **drawn)
        self.place = nn.Embedding(CONTEXT, WIDTH, **drawn)
        self.blocks = nn.Sequential(*(Block(drawn) for _ in range(LAYERS)))
        self.last = nn.LayerNorm(WIDTH, dtype=np.float32)
        self.logits = nn.Linear(WIDTH, characters, **drawn)

    def forward(self, ids):
        x = self.character(ids) + self.place(np.arange(ids.shape[1]))
        return self.logits(self.last(self.blocks(x)))


@mg.no_grad()
def written(model, characters, rng, length, temperature=0.7):
    """A text of the model's own, drawn character by character."""
    ids = np.flatnonzero(characters == "\n")[:1]
    for _ in range(length):
        logits = model(ids[np.newaxis, -CONTEXT:])[0, -1].data
        likely = mg.softmax(logits.astype(float) / temperature)
        ids = np.append(ids, rng.choice(len(characters), p=likely))
    return "".join(characters[ids[1:]])


def windows(ids, rng, size=32):
    """Pieces of the text, and the same pieces one character on."""
    starts = rng.integers(len(ids) - CONTEXT, size=size)
    pieces = ids[starts[:, np.newaxis] + np.arange(CONTEXT + 1)]
    return pieces[:, :-1], pieces[:, 1:]


def main(steps=2000, path=None, length=400, seed=0):
    """The losses, step by step, and the mean loss on the last tenth of the text, which is not learned from."""
    text = Path(path).read_text(encoding="utf-8") if path else re.sub(" +", " ", "\n".join(topics.values()))
    characters, ids = np.unique(list(text), return_inverse=True)
    ids, kept = np.split(ids, [len(ids) * 9 // 10])
    rng = np.random.default_rng(seed)
    model = GPT(len(characters), rng)
    print(f"{len(text):,} characters, {len(characters)} different; {model.num_parameters():,} parameters")
    print(f"\nbefore training:\n{written(model, characters, rng, length)}\n")

    optimiser = optim.AdamW(model.parameters(), lr=3e-3)
    schedule = optim.CosineAnnealingLR(optimiser, T_max=steps)
    losses, every, start = [], max(steps // 20, 1), time.process_time()
    for step in range(1, steps + 1):
        x, following = windows(ids, rng)
        loss = nn.cross_entropy(model(x), following)
        optimiser.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if step % every == 0:
            recent = np.mean(losses[-every:])
            print(f"step {step:5}  loss {recent:.3f} {'█' * round(12 * recent)}")
    print(f"{time.process_time() - start:.0f} s of processor time")

    with mg.no_grad():
        unseen = np.mean([nn.cross_entropy(model(x), y).item() for x, y in (windows(kept, rng) for _ in range(20))])
    print(f"loss on the last tenth of the text, not learned from: {unseen:.3f}")
    print(f"\nafter training:\n{written(model, characters, rng, length)}")
    return losses, unseen


if __name__ == "__main__":
    mg.keep_freed_memory()  # for steps of many megabytes
    main(path=sys.argv[1] if sys.argv[1:] else None)
