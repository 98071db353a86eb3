"""What a run of `ninefold draw` gives to its caller: names of files, or one JSON document."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import ninefold
from ninefold.cli.draw_files import SavedDrawing
from ninefold.pictures.png import Recipe


@dataclass(frozen=True)
class DrawnPrompt:
    """One prompt, drawn and saved."""

    files: SavedDrawing
    recipes: Sequence[Recipe]
    scores: Sequence[float | None]
    """CLIP's, where the pictures were ranked."""
    settings: dict[str, Any]
    notices: Sequence[str]
    seconds: float

    def describe(self) -> dict[str, Any]:
        """Return what the JSON document says of this prompt."""
        first = self.recipes[0]
        grid = self.files.grid
        return {
            "prompt": first.prompt,
            "seed": first.seed,
            "settings": self.settings,
            "folder": str(self.files.folder),
            "grid": None if grid is None else str(grid),
            "pictures": [
                {"path": str(path), "index": recipe.index, "score": score}
                for path, recipe, score in zip(
                    self.files.pictures, self.recipes, self.scores, strict=True
                )
            ],
            "notices": list(self.notices),
            "seconds": round(self.seconds, 3),
        }


@dataclass
class DrawReport:
    """The drawings of a run, told as they are done or all at its end."""

    is_json: bool
    drawn: list[DrawnPrompt] = field(default_factory=list)

    def add(self, prompt: DrawnPrompt) -> None:
        """Take in one prompt; where names are printed, print its files'."""
        self.drawn.append(prompt)
        if self.is_json:
            return
        files = [*prompt.files.pictures, *([prompt.files.grid] if prompt.files.grid else [])]
        sys.stdout.write("".join(f"{path}\n" for path in files))
        sys.stdout.flush()  # a reader that has gone away is noticed before the next prompt

    def finish(self, *, is_complete: bool) -> None:
        """Print the JSON document where it was asked for, and anything was drawn."""
        if not self.is_json or not (is_complete or self.drawn):
            return
        model = self.drawn[0].recipes[0] if self.drawn else None
        document = {
            "software": f"ninefold {ninefold.__version__}",
            "model": model and {"name": model.model, "sha256": model.model_sha256},
            "complete": is_complete,
            "drawings": [prompt.describe() for prompt in self.drawn],
        }
        print(json.dumps(document, indent=2, ensure_ascii=True))
