"""The language of the page that is asked for: the person's own choice, else the browser's, else the site's."""

from flask import Flask, g, has_request_context, request

from appliance.errors import VeilsightError
from appliance.language import CODES, Language, choose, english, said
from appliance.web.context import this_context

# The choice is kept by the browser: a tablet behind the counter keeps its language, whoever logs in and even before.
LANGUAGE_COOKIE = "__Host-veilsight-language"


def this_language() -> Language:
    """The language of the present request; English outside of one."""
    if not has_request_context():
        return english()
    if "language" not in g:
        context = this_context()
        g.language = context.languages.get(
            choose(
                (
                    request.cookies.get(LANGUAGE_COOKIE),
                    request.accept_languages.best_match(CODES),
                    context.settings.site.language,
                )
            )
        )
    language = g.language
    assert isinstance(language, Language)  # noqa: S101 - nothing else is put there
    return language


def gettext(message: str, /, **values: object) -> str:
    """The message in the page's language; see `Language.gettext`."""
    return this_language().gettext(message, **values)


def ngettext(one: str, many: str, number: int, /, **values: object) -> str:
    """The form of the message for `number` in the page's language; see `Language.ngettext`."""
    return this_language().ngettext(one, many, number, **values)


def translated(text: str) -> str:
    """A text that was marked elsewhere and has no places for values; what has no translation stays as it is."""
    return this_language().translations.gettext(text) if text else ""


def told(error: VeilsightError) -> str:
    """The error's sentence in the page's language where it has one there, else in English."""
    return this_language().told(said(error))


def speak(app: Flask) -> None:
    """Give the templates `_`, `ngettext` and `{% trans %}` in the language of the page."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    install = app.jinja_env.install_gettext_callables  # type: ignore[attr-defined]  # the extension adds it
    install(
        lambda message: this_language().translations.gettext(message),
        lambda one, many, number: this_language().translations.ngettext(one, many, number),
        newstyle=True,
    )
