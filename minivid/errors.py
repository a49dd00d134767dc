"""The errors a user can act on: one line that says what is wrong and what to do."""


class MinividError(ValueError):
    """Base of all errors meant for the user; the command line prints its one line, exit code 2."""


class CheckpointError(MinividError):
    """A checkpoint is missing, damaged, of another kind, or cannot be written."""


class PromptError(MinividError):
    """A caption holds words that the networks were never taught."""


class FormatError(MinividError):
    """A clip's height, width, frames or rate is one that nothing here can make."""


class MediaError(MinividError):
    """A film, sound or picture file cannot be written or read."""
