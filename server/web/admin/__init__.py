"""The administrator's pages."""

from server.web.admin.overview import handlers

__all__ = ["handlers"]
