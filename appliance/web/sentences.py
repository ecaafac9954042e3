"""Sentences that come from another program as what they are made of, so that they can be told in any language."""

import msgspec

from appliance.language import Sentence, counted_sentence, sentence


class Parts(msgspec.Struct, frozen=True):
    """What a sentence is made of (`appliance.language.Sentence`)."""

    forms: tuple[str, ...]
    number: int = 1
    values: dict[str, "str | int | float | Parts"] = {}

    def sentence(self) -> Sentence:
        values = {name: each.sentence() if isinstance(each, Parts) else each for name, each in self.values.items()}
        if len(self.forms) == 1:
            return sentence(self.forms[0], **values)
        return counted_sentence(self.forms[0], self.forms[-1], self.number, **values)
