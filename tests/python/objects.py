#!/usr/bin/env python3
"""Checks JSON objects, one a line on stdin, against docs/json.schema.json: prints a line for each, "ok" or what is wrong."""

import json
import os
import sys

import jsonschema

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def form_of(thing):
    """The name of the definition that such an object has to fit."""
    for key, prefix in (("event", "event."), ("do", "do."), ("kind", "record.")):
        if isinstance(thing, dict) and isinstance(thing.get(key), str):
            return prefix + thing[key]
    for key, name in (("act", "acted"), ("link", "invited"), ("server", "pinged")):
        if isinstance(thing, dict) and key in thing:
            return name
    return "none"


def main():
    with open(os.path.join(ROOT, "docs", "json.schema.json")) as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    definitions, validators = schema["$defs"], {}
    for line in sys.stdin:
        try:
            thing = json.loads(line)
            name = form_of(thing)
            if name not in definitions:
                wrong = f"there is no {name}"
            else:
                if name not in validators:
                    form = {"$ref": "#/$defs/" + name, "$defs": definitions}
                    validators[name] = jsonschema.Draft202012Validator(form)
                wrong = "; ".join(error.message for error in validators[name].iter_errors(thing)) or "ok"
        except ValueError as error:
            wrong = str(error)
        print(wrong.replace("\n", " "), flush=True)


main()
