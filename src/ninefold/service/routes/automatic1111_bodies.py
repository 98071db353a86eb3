"""What AUTOMATIC1111's clients send and what they read of a drawing: bodies, `info`, and texts.

About fifty fields come with every request. Those that mean something here are honoured; those that
belong to diffusion (samplers, steps, sizes, passes) are accepted and change nothing, and `info`
says what was drawn with. Scripts are refused, as that API does with those it does not have.
"""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ninefold import __version__
from ninefold.generation.params import MAX_CONDITION_SCALE, MAX_COUNT, MAX_SEED
from ninefold.service.documents import JobDocument, PictureDocument
from ninefold.service.jobs.admission import JobSpec
from ninefold.service.problems import Problem

SAMPLER = "Autoregressive"
"""The one way pictures are drawn here, where that API has its samplers."""

RANDOM_SEED = -1
_Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]


class DrawBody(BaseModel):
    """The body of `POST /sdapi/v1/txt2img`. Members that are not known come back as they are."""

    model_config = ConfigDict(extra="allow")

    prompt: str = ""
    negative_prompt: str | None = None
    seed: Annotated[int, Field(ge=RANDOM_SEED, le=MAX_SEED)] | None = None
    batch_size: _Count | None = None
    n_iter: _Count | None = None
    cfg_scale: Annotated[float, Field(ge=0, le=MAX_CONDITION_SCALE)] | None = None
    send_images: bool | None = None
    override_settings: dict[str, Any] | None = None
    script_name: str | None = None
    alwayson_scripts: dict[str, Any] | None = None

    def to_spec(self, model: str | None) -> JobSpec:
        """Return what is to be drawn, by the model that was chosen."""
        settings = {
            "count": (self.batch_size or 1) * (self.n_iter or 1),
            "negative_prompt": self.negative_prompt or None,
        }
        given = {name: value for name, value in settings.items() if value is not None}
        seed = None if self.seed == RANDOM_SEED else self.seed
        return JobSpec(
            self.prompt,
            given,
            seed,
            model,
            surface="automatic1111",
            foreign_scale=self.cfg_scale,
        )

    def require_no_scripts(self) -> None:
        """Refuse scripts and extensions by name; there are none here.

        Raises:
            Problem: one is asked for (`invalid_request`).
        """
        names = [name for name in (self.script_name, *(self.alwayson_scripts or {})) if name]
        if names:
            detail = f"Script {names[0][:100]!r} not found; this service has no scripts."
            raise Problem(422, "invalid_request", detail)


def title_of(name: str, sha256: str | None) -> str:
    """Return a model's name as clients show it and send it back."""
    return f"{name} [{sha256[:10]}]" if sha256 else name


def describe(job: JobDocument, pictures: list[PictureDocument], sha256: str | None) -> str:
    """Return `info`: what was drawn and how, as JSON in a text. All pictures have one seed."""
    count, negative = len(pictures), job.settings.get("negative_prompt") or ""
    side = pictures[0].width if pictures else 0
    scale = job.settings.get("condition_scale")
    content = {
        "prompt": job.prompt,
        "all_prompts": [job.prompt] * count,
        "negative_prompt": negative,
        "all_negative_prompts": [negative] * count,
        "seed": job.seed,
        "all_seeds": [job.seed] * count,
        "subseed": RANDOM_SEED,
        "all_subseeds": [RANDOM_SEED] * count,
        "subseed_strength": 0,
        "width": side,
        "height": side,
        "sampler_name": SAMPLER,
        "cfg_scale": scale,
        "steps": job.progress.total_codes // max(1, _num_drawn(job)),
        "batch_size": count,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": job.model,
        "sd_model_hash": (sha256 or "")[:10],
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": None,
        "extra_generation_params": {"Pictures": [picture.index for picture in pictures]},
        "index_of_first_image": 0,
        "infotexts": [_infotext(job, picture, sha256) for picture in pictures],
        "styles": [],
        "job_timestamp": timestamp_of(job),
        "clip_skip": 1,
        "is_using_inpainting_conditioning": False,
        "version": f"ninefold {__version__}",
        "notices": job.notices,
    }
    return json.dumps(content)


def timestamp_of(job: JobDocument) -> str:
    """Return when a job was accepted, as that API writes it."""
    return job.created_at.strftime("%Y%m%d%H%M%S")


def _num_drawn(job: JobDocument) -> int:
    return int(job.settings.get("candidates") or job.settings.get("count") or 1)


def _infotext(job: JobDocument, picture: PictureDocument, sha256: str | None) -> str:
    negative = job.settings.get("negative_prompt")
    members = {
        "Sampler": SAMPLER,
        "CFG scale": job.settings.get("condition_scale"),
        "Seed": job.seed,
        "Picture": picture.index,
        "Size": f"{picture.width}x{picture.height}",
        "Model hash": (sha256 or "")[:10] or None,
        "Model": job.model,
        "Version": f"ninefold {__version__}",
    }
    last = ", ".join(f"{name}: {value}" for name, value in members.items() if value is not None)
    return "\n".join([job.prompt, *([f"Negative prompt: {negative}"] if negative else []), last])
