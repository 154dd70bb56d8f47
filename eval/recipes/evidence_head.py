"""The evidence model as torch trains it; `rag.models.evidence_model` says in numpy what it computes, and why."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

DIMENSIONS = 384
_KEYS, _CHANNELS, _AROUND_CHANNELS, _INNER = 32, 48, 32, 48
_LOOKS, _THEIR_LOOKS = 8, 5
_AROUND = 3
_DROPPED = 0.15
_UNSEEN = -1e4


class EvidenceHead(nn.Module):
    """Scores padded batches of pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.key = nn.Linear(DIMENSIONS, _KEYS, bias=False)
        self.val = nn.Linear(DIMENSIONS, _KEYS, bias=False)
        self.temp = nn.Parameter(torch.tensor(8.0))
        self.exact = nn.Parameter(torch.tensor(2.0))
        self.near = nn.Parameter(torch.tensor(1.0))
        self.c1 = nn.Conv1d(4 * _KEYS + _LOOKS, _CHANNELS, 5, padding=2)
        self.c2 = nn.Conv1d(_CHANNELS, _CHANNELS, 3, padding=1)
        self.e1 = nn.Conv1d(_KEYS + _THEIR_LOOKS, _AROUND_CHANNELS, 5, padding=2)
        self.out1 = nn.Linear(3 * _CHANNELS + _AROUND_CHANNELS, _INNER)
        self.out2 = nn.Linear(_INNER, 1)
        self.drop = nn.Dropout(_DROPPED)

    def forward(
        self, claim: Tensor, evidence: Tensor, ids: tuple[Tensor, Tensor], masks: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Return the logits `(b,)`.

        Args:
            claim: `(b, n, d)`, zeros where there is no token.
            evidence: `(b, m, d)`, likewise.
            ids: the tokens by number, `(b, n)` and `(b, m)`.
            masks: 1 where there is a token, else 0, `(b, n)` and `(b, m)`.
        """
        ours_ids, theirs_ids = ids
        cm, em = masks
        keys = functional.normalize(self.key(claim), dim=-1), functional.normalize(self.key(evidence), dim=-1)
        cosines = claim @ evidence.transpose(1, 2)
        same = (ours_ids[:, :, None] == theirs_ids[:, None, :]).float() * cm[:, :, None] * em[:, None, :]
        before = functional.pad(same, (1, 0, 1, 0))[:, :-1, :-1]
        after = functional.pad(same, (0, 1, 0, 1))[:, 1:, 1:]
        logits = self.temp * (keys[0] @ keys[1].transpose(1, 2)) + self.temp * cosines
        logits = logits + self.exact * same + self.near * (before + after)
        attention = torch.softmax(logits.masked_fill(em[:, None, :] == 0, _UNSEEN), -1)
        ours, theirs = self.val(claim), self.val(evidence)
        found = attention @ theirs
        looks = torch.stack(
            [
                cosines.masked_fill(em[:, None, :] == 0, -1).max(-1)[0],
                (attention * cosines).sum(-1),
                same.max(-1)[0],
                (attention * same).sum(-1),
                (same * before).max(-1)[0],
                (same * after).max(-1)[0],
                (same * before * after).max(-1)[0],
                torch.log1p(ours_ids.float()) / 10,
            ],
            -1,
        )
        told = torch.cat([ours, found, ours - found, ours * found, looks], -1) * cm[:, :, None]
        first = functional.relu(self.c1(self.drop(told).transpose(1, 2))) * cm[:, None, :]
        hidden = (functional.relu(self.c2(first)) + first) * cm[:, None, :]
        size = cm.sum(-1, keepdim=True)
        mass = (attention * cm[:, :, None]).sum(1)
        around = self._around(theirs, mass, cosines.masked_fill(cm[:, :, None] == 0, -1), (same, before, after), em)
        pooled = [hidden.sum(-1) / size, hidden.max(-1)[0], (hidden * hidden).sum(-1) / size, around]
        inner = functional.relu(self.out1(self.drop(torch.cat(pooled, -1))))
        scores: Tensor = self.out2(inner)[:, 0]
        return scores

    def _around(
        self, theirs: Tensor, mass: Tensor, cosines: Tensor, equal: tuple[Tensor, Tensor, Tensor], em: Tensor
    ) -> Tensor:
        """Read the evidence around the counterparts of the claim's tokens."""
        same, before, after = equal
        looks = torch.stack(
            [
                mass.clamp(max=2),
                cosines.max(1)[0],
                same.max(1)[0],
                (same * before).max(1)[0],
                (same * after).max(1)[0],
            ],
            -1,
        )
        told = torch.cat([theirs, looks], -1) * em[:, :, None]
        padded = functional.pad(mass[:, None, :], (_AROUND, _AROUND))
        near = functional.avg_pool1d(padded, 2 * _AROUND + 1, 1)[:, 0].clamp(max=0.5) * 2
        read = functional.relu(self.e1(self.drop(told).transpose(1, 2))) * (near * em)[:, None, :]
        return read.max(-1)[0]
