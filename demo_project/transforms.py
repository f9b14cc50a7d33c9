"""Transforms of the ERP: changes of rows in Python that SQL cannot express.

`SCHEMASYNC["TRANSFORMS"]` names this module if the variable DEMO_TRANSFORMS does. A sync then calls each function for
every row, once in the life of a database, and verifies the rows that it made.
"""

import re
from collections.abc import Iterator

from schemasync.transforms import ONE_TO_ONE, NewRow, Row, Value, transform


@transform("Contacts", into="Contacts", kind=ONE_TO_ONE, name="one-form-of-phones")
def one_form_of_phones(contact: Row) -> Iterator[NewRow]:
    """Write each number as `+1 598 5550114`, whatever blanks, hyphens and parentheses it has now."""
    yield "Contacts", {**contact, "phone": one_form(contact["phone"])}


def one_form(phone: Value) -> Value:
    """Return a phone number in that form. Return any other value as it is."""
    country, area, *rest = [*re.findall(r"\d+", str(phone)), "", ""]
    return f"+{country} {area} {''.join(rest)}" if rest and str(phone).startswith("+") and area else phone
