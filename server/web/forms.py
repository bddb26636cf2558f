"""What a person typed into a form."""

from collections.abc import Mapping
from typing import Any

from litestar import Request

Typed = Mapping[str, str]


async def typed_in(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Field by field; of a field that comes more than once the last, and files are left out."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
