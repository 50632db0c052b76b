"""The API's description in OpenAPI 3.0, made from the table of operations. Pure."""

from __future__ import annotations

import re
from typing import Any, Dict, Sequence

from dashcamd import __version__
from dashcamd.types import Json
from dashcamd.web.operations import EVENT_ID, Operation

ERROR_CODES = ("400", "401", "403", "404", "409", "415", "421", "503")

ERROR: Json = {
    "description": "One line that says why not",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {"error": {"type": "string"}},
            }
        }
    },
}


def document(operations: Sequence[Operation]) -> Json:
    """The whole description."""
    paths: Dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "dashcamd",
            "version": __version__,
            "description": "Sign in at POST /api/v1/session, or send a token made by "
            "`sudo dashcamd password --token NAME`. /preview.mjpg, /preview.jpg, /live.mp4, "
            "/media/EVENT/FILE and the events of /api/v1/stream and /api/v1/motion are beside "
            "this document.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": "dashcamd"},
                "token": {"type": "http", "scheme": "bearer"},
            }
        },
        "security": [{"cookie": []}, {"token": []}],
    }


def _operation(operation: Operation) -> Json:
    described: Json = {
        "summary": operation.summary,
        "operationId": operation.act.__name__.strip("_"),
        "parameters": [
            *(
                _parameter("path", name, EVENT_ID)
                for name in re.findall(r"{(\w+)}", operation.path)
            ),
            *(_parameter("query", name, schema) for name, schema in operation.query.items()),
        ],
        "responses": {
            "200": {
                "description": "Done",
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            **dict.fromkeys(ERROR_CODES, ERROR),
        },
    }
    if operation.method == "post":
        schema: Json = {
            "type": "object",
            "properties": dict(operation.body),
            "additionalProperties": False,
        }
        if operation.required:
            schema["required"] = list(operation.required)
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return described


def _parameter(place: str, name: str, schema: Json) -> Json:
    return {"in": place, "name": name, "required": place == "path", "schema": schema}
