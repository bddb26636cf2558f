"""A message is an intent: what we mean to say to one person, once. It carries no health data."""

import uuid
from datetime import datetime
from typing import Literal

import msgspec

Purpose = Literal["page", "safety", "reminder", "answer", "test"]
Status = Literal["queued", "sending", "sent", "delivered", "failed", "unknown", "suppressed", "withheld"]
Channel = Literal["sms", "voice", "email", "portal"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`unique_for` says why it exists; the database keeps one message per organization and reason."""

    id: uuid.UUID
    organization_id: uuid.UUID
    purpose: Purpose
    unique_for: str
    to_number: str
    to_hash: bytes
    wording: str
    wording_version: int
    language: str
    body: str
    not_before: datetime
    created_at: datetime
    channel: Channel = "sms"
    staff_id: uuid.UUID | None = None
    patient_id: uuid.UUID | None = None
    alert_id: uuid.UUID | None = None
    alarm_id: uuid.UUID | None = None
    reminder_id: uuid.UUID | None = None
    gap_id: uuid.UUID | None = None
    contact_point_id: uuid.UUID | None = None  # which way it goes, when not by the patient's own number
