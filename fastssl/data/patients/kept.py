"""What may be kept of the facts in files' headers.

Covers: pseudonyms in the place of patients' ids and of UIDs. Does not cover: reading headers
(`fastssl.data.reading`), keeping them (`fastssl.data.headers`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from fastssl.data.reading.samples import FileFacts

from .options import PatientOptions
from .pseudonyms import pseudonyms_of
from .salt import find_salt


def kept_facts(options: PatientOptions) -> Callable[[FileFacts], FileFacts]:
    """Make what a file's facts are passed through before they are written anywhere.

    Args:
        options: whether patients keep their names.

    Returns:
        A function from the facts of a header to those that may be kept: studies and series by pseudonyms, patients too
        unless that was refused. It raises DataError where the salt of pseudonyms cannot be kept.
    """

    @cache
    def hidden(name: str) -> str:
        return pseudonyms_of([name], find_salt())[0] if name else ""

    def keep(facts: FileFacts) -> FileFacts:
        patient = hidden(facts.patient) if options.pseudonymise else facts.patient
        return replace(facts, patient=patient, study=hidden(facts.study), series=hidden(facts.series))

    return keep
