"""Whether the service could start: each setting is tried at what it names; nothing is started."""

from ninefold.safety.prompt_policy import PromptPolicy
from ninefold.service.limits import RateLimits, parse_rate
from ninefold.service.model_facts import read_model_facts
from ninefold.service.secret import load_secret
from ninefold.service.settings import Settings
from ninefold.service.store.database import parse_database_url, require_server
from ninefold.service.store.objects import Objects


def check_settings(settings: Settings) -> None:
    """Try what the settings name: model, policy, rates, database, store, data folder.

    Raises:
        UserError: one of them cannot be used; the message names the setting.
        NinefoldError: the model is damaged or the database cannot be reached.
    """
    read_model_facts(settings.model)
    PromptPolicy.load(settings.policy_file)
    RateLimits(settings, load_secret(settings))
    for rate in (settings.anonymous_rate, settings.key_rate):
        parse_rate(rate)
    Objects.open(settings.pictures_url, settings.data).require()
    if settings.database_url is not None:
        require_server(parse_database_url(settings.database_url.get_secret_value()))
