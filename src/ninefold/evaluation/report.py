"""The report of an evaluation: numbers as JSON for programs, a page in Markdown for people."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

import ninefold
from ninefold.checkpoints.atomic_folder import new_folder
from ninefold.evaluation.measure import SplitResult
from ninefold.evaluation.reconstruction import Reconstruction
from ninefold.evaluation.retrieval import Precision

MARKDOWN_FILE = "report.md"
JSON_FILE = "report.json"
CODEBOOK_TARGET = 0.9
RANKING_TARGET = 0.1


@dataclass(frozen=True)
class EvaluationReport:
    """What was measured of one model."""

    model: str
    model_sha256: str
    evaluator_sha256: str
    params: dict[str, Any]
    splits: tuple[SplitResult, ...]
    reconstruction: Reconstruction
    frechet_distance: float
    frechet_floor: float
    """Between two halves of the real pictures."""
    frechet_pictures: int
    """Of each kind, that were compared."""
    real_distance: float
    """Mean of 1 − cosine over pairs of real pictures of one caption."""
    twins: float
    """Share of training pictures that pass for near copies of other training pictures."""
    ranking_gain: float | None
    """First of nine over the mean of nine, as a share; None without a CLIP."""
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, with the version that measured it."""
        return {"software": f"ninefold {ninefold.__version__}", **dataclasses.asdict(self)}

    def to_markdown(self, command: str, picture_names: tuple[str, ...] = ()) -> str:
        """Return the report as a page.

        Args:
            command: what made it, to be shown.
            picture_names: files beside the page that it shows.
        """
        settings = ", ".join(
            f"{name} {self.params[name]}"
            for name in ("count", "condition_scale", "temperature", "top_k", "top_p", "seed")
        )
        lines = [
            f"# What {self.model} can do",
            "",
            f"    {command}",
            "",
            f"Ninefold {ninefold.__version__}, model `{self.model_sha256[:12]}`, evaluator "
            f"`{self.evaluator_sha256[:12]}`, {self.seconds / 60:.1f} minutes. "
            f"Settings: {settings}.",
            "",
            *self._retrieval(),
            *self._other_measures(),
        ]
        for name in picture_names:
            title = Path(name).stem.replace("-", " ").capitalize()
            lines += [
                f"## {title}",
                "",
                f"{_CAPTIONS.get(title, _SHEET)}",
                "",
                f"![{title}]({name})",
                "",
            ]
        return "\n".join(lines).rstrip() + "\n"

    def _retrieval(self) -> list[str]:
        lines = [
            "## Retrieval, diversity, copies",
            "",
            "How often the evaluator finds a picture's own caption among others; ± is the standard "
            "error over prompts.",
            "",
            "| split | prompts | captions | drawn | first by CLIP | real | drawn of real | target "
            "| distance in the nine | different in the nine | near copies |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        for split in self.splits:
            target = "" if split.target is None else f"{split.target:.0%}"
            reached = _verdict(split.share_of_real, split.target)
            cells = (
                split.title,
                str(split.drawn.num_prompts),
                str(split.pool_size),
                _percent(split.drawn),
                _percent(split.first),
                _percent(split.real),
                f"{split.share_of_real:.0%}",
                f"{target}{reached}",
                f"{split.distance:.3f}",
                f"{split.distinct:.1f}",
                "" if split.near_copies is None else f"{split.near_copies:.0%}",
            )
            lines.append(f"| {' | '.join(cells)} |")
        return [*lines, ""]

    def _other_measures(self) -> list[str]:
        kept = self.reconstruction
        rows = [
            (
                "reconstruction",
                f"PSNR {kept.psnr:.1f} dB, SSIM {kept.ssim:.3f} ({kept.num_pictures} pictures of "
                f"{kept.size} pixels)",
                "",
            ),
            (
                "codebook use",
                f"{kept.codebook_use:.1%} of the codes, over the same pictures",
                f"{CODEBOOK_TARGET:.0%}{_verdict(kept.codebook_use, CODEBOOK_TARGET)}",
            ),
            (
                "Fréchet distance",
                f"{self.frechet_distance:.2f} on the evaluator's features ({self.frechet_pictures} "
                f"pictures of each kind); halves of the real ones: {self.frechet_floor:.2f}",
                "",
            ),
            (
                "distance of real pictures of one thing",
                f"{self.real_distance:.3f}, to compare with the distance in the nine",
                "",
            ),
            (
                "near copies among real pictures",
                f"{self.twins:.0%} of the training pictures pass for near copies of others",
                "",
            ),
        ]
        if self.ranking_gain is not None:
            verdict = _verdict(self.ranking_gain, RANKING_TARGET)
            gain = f"first of nine over the mean: {100 * self.ranking_gain:+.1f} points"
            rows.append(("gain of CLIP ranking", gain, f"+{100 * RANKING_TARGET:.0f}{verdict}"))
        table = [f"| {name} | {value} | {target} |" for name, value, target in rows]
        return [
            "## Other measures",
            "",
            "| measure | value | target |",
            "|---|---|---|",
            *table,
            "",
        ]


_SHEET = (
    "The first prompts of the split, the best by CLIP at the left, a real picture at the right. "
    "Green: the evaluator told the caption; red: it did not."
)
_CAPTIONS = {
    "Reconstruction": "Real pictures, each above what the VQGAN makes of it.",
    "Nearest": "The last split, from the nearest to a training picture to the farthest; "
    "each above that picture.",
}


def write_report(
    report: EvaluationReport, pictures: Mapping[str, Image.Image], folder: Path, command: str
) -> None:
    """Write `report.md`, `report.json` and the pictures into `folder`, whole or not at all.

    A folder that holds an earlier report is replaced.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    with new_folder(folder, JSON_FILE, replace=True) as part:
        for name, picture in pictures.items():
            picture.save(part / name, optimize=True)
        text = report.to_markdown(command, tuple(pictures))
        (part / MARKDOWN_FILE).write_text(text, encoding="utf-8")
        content = json.dumps(report.to_dict(), indent=1, ensure_ascii=False)
        (part / JSON_FILE).write_text(content + "\n", encoding="utf-8")


def _percent(value: Precision | None) -> str:
    return "" if value is None else f"{100 * value.rate:.1f} ± {100 * value.standard_error:.1f}"


def _verdict(value: float, target: float | None) -> str:
    if target is None:
        return ""
    return ", met" if value >= target else ", missed"
