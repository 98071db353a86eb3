"""What a Gradio client reads before it asks: the application's parts, and what its function takes.

The names and shapes are those of Gradio 6 with the protocol `sse_v3`. Knows nothing of jobs.
"""

from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from ninefold.generation.params import MAX_CONDITION_SCALE, MAX_COUNT, MAX_SEED
from ninefold.service.jobs.admission import JobSpec
from ninefold.service.problems import invalid

PREFIX = "/gradio_api"
FUNCTION = "generate"
FUNCTION_INDEX = 0

_GRADIO_VERSION = "6.31.0"  # whose protocol this is; clients choose what they do by it


class Inputs(BaseModel):
    """What the function takes, in this order."""

    prompt: str = Field(title="Prompt")
    negative_prompt: str | None = Field("", title="Negative prompt")
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = Field(None, title="Seed")
    count: Annotated[int, Field(ge=1, le=MAX_COUNT)] | None = Field(9, title="Pictures")
    condition_scale: Annotated[float, Field(ge=0, le=MAX_CONDITION_SCALE)] | None = Field(
        None, title="Condition scale"
    )

    @classmethod
    def read(cls, data: list[Any]) -> "Inputs":
        """Return what a list of values in the function's order says.

        Raises:
            Problem: there are too many, or one is not as it must be (`invalid_request`).
        """
        if len(data) > len(cls.model_fields):
            raise invalid(f"The function takes {len(cls.model_fields)} values.")
        try:
            return cls.model_validate(dict(zip(cls.model_fields, data, strict=False)))
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            message = f"{name}: {first['msg']}."
            raise invalid(message, errors=[{"at": f"body/{name}", "message": message}]) from None

    def to_spec(self) -> JobSpec:
        """Return what is to be drawn."""
        settings = {
            "count": self.count,
            "condition_scale": self.condition_scale,
            "negative_prompt": self.negative_prompt or None,
        }
        given = {name: value for name, value in settings.items() if value is not None}
        return JobSpec(self.prompt, given, self.seed, surface="gradio")


_TEXT = ("textbox", "str", {"type": "string"})
_NUMBER = ("number", "float", {"type": "number"})
_INPUTS = {
    "prompt": _TEXT,
    "negative_prompt": _TEXT,
    "seed": _NUMBER,
    "count": _NUMBER,
    "condition_scale": _NUMBER,
}
_FILE: dict[str, Any] = {
    "type": "object",
    "title": "FileData",
    "properties": {
        "path": {"type": "string"},
        "url": {"type": "string"},
        "orig_name": {"type": "string"},
        "mime_type": {"type": "string"},
        "size": {"type": "integer"},
        "is_stream": {"type": "boolean", "default": False},
        "meta": {"type": "object", "properties": {"_type": {"const": "gradio.FileData"}}},
    },
}
_GALLERY: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "image": _FILE,
            "caption": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
    },
}
_OUTPUTS = (
    ("Pictures", "gallery", "list[dict(image: filepath, caption: str | None)]", _GALLERY),
    ("Seed", "number", "float", {"type": "number"}),
)


def config(title: str) -> dict[str, Any]:
    """Return the application's configuration: its parts, and the one function between them."""
    inputs, outputs = range(1, len(_INPUTS) + 1), range(101, 101 + len(_OUTPUTS))
    components = [
        _component(number, kind, str(Inputs.model_fields[name].title), schema)
        for number, (name, (kind, _, schema)) in zip(inputs, _INPUTS.items(), strict=True)
    ]
    components += [
        _component(number, kind, label, schema)
        for number, (label, kind, _, schema) in zip(outputs, _OUTPUTS, strict=True)
    ]
    return {
        "version": _GRADIO_VERSION,
        "title": title,
        "api_prefix": PREFIX,
        "protocol": "sse_v3",
        "connect_heartbeat": False,
        "is_space": False,
        "components": components,
        "dependencies": [
            {
                "id": FUNCTION_INDEX,
                "api_name": FUNCTION,
                "inputs": list(inputs),
                "outputs": list(outputs),
                "api_visibility": "public",
                "backend_fn": True,
                "cancels": [],
                "types": {"generator": False, "cancel": False},
                "queue": True,
                "targets": [],
            }
        ],
    }


def _component(number: int, kind: str, label: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": number,
        "type": kind,
        "props": {"label": label, "name": kind},
        "skip_api": False,
        "api_info": schema,
    }


def info() -> dict[str, Any]:
    """Return what the function takes and gives, as clients show it and fill in what is left out."""
    parameters = []
    for name, (component, python_type, schema) in _INPUTS.items():
        field = Inputs.model_fields[name]
        is_required = field.is_required()
        parameters.append(
            {
                "label": field.title,
                "parameter_name": name,
                "parameter_has_default": not is_required,
                "parameter_default": None if is_required else field.default,
                "type": schema,
                "python_type": {"type": python_type, "description": ""},
                "component": component.capitalize(),
                "example_input": "a red apple" if is_required else field.default,
            }
        )
    returns = [
        {
            "label": label,
            "type": schema,
            "python_type": {"type": python_type, "description": ""},
            "component": component.capitalize(),
        }
        for label, component, python_type, schema in _OUTPUTS
    ]
    endpoint = {"parameters": parameters, "returns": returns, "api_visibility": "public"}
    return {"named_endpoints": {f"/{FUNCTION}": endpoint}, "unnamed_endpoints": {}}
