"""The administrator's pages."""

from server.web.admin import overview, staff

handlers = [*overview.handlers, *staff.handlers]

__all__ = ["handlers"]
