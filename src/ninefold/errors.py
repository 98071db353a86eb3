"""The errors that people see. Each message is one sentence that says what is wrong and what to do.

Knows nothing of how an error is shown: the command line turns a `UserError` into exit code 2 and
any other `NinefoldError` into exit code 1, without a traceback.
"""


class NinefoldError(Exception):
    """Something that Ninefold can explain; the base of all errors that are raised on purpose."""


class UserError(NinefoldError):
    """The request cannot be done as it was asked; the message says how to ask."""


class UnsupportedOptionError(UserError):
    """A model's configuration names an option that this implementation does not have."""


class CheckpointError(NinefoldError):
    """A checkpoint is damaged, incomplete, or not of the model that it is loaded into."""


class DownloadError(NinefoldError):
    """Files could not be fetched from where they are published."""


class CancelledError(NinefoldError):
    """The drawing was cancelled before it was finished."""


class OverloadedError(NinefoldError):
    """So much is waiting that the request is not taken; it may come again later."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
