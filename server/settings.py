"""The settings of one process: read once from the environment, frozen, secrets without defaults."""

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import msgspec

from server.errors import BadSetting

Role = Literal["web", "bridge", "worker", "auditor", "backup"]
ROLES: tuple[Role, ...] = ("web", "bridge", "worker", "auditor", "backup")


class Twilio(msgspec.Struct, frozen=True, kw_only=True):
    """How texts leave. `api_url` is set only to speak to a stand-in instead of the provider."""

    account_sid: str
    auth_token: str
    sender: str
    api_url: str | None = None
    voice_sender: str | None = None  # the number calls come from, when `sender` is a messaging service
    texts_a_second: float | None = None  # of each of our numbers; None: what the provider grants such a number


class Smtp(msgspec.Struct, frozen=True, kw_only=True):
    """How e-mails leave; `sender` as in "Aspen Health <care@aspen.example>"."""

    url: str
    sender: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a process is told from outside."""

    database_url: str
    role_urls: dict[str, str]
    mqtt_url: str
    public_url: str
    secret_key: str
    field_key: str
    mqtt_admin_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    twilio: Twilio | None = None
    smtp: Smtp | None = None
    demo: bool = False
    tick_seconds: int = 60
    audit_head: Path = Path(".careloop/audit-heads.jsonl")
    authority: Path = Path(".careloop/authority")
    quarantine_days: int = 90
    silent_hours: int = 48
    daily_cap: int = 20_000
    acknowledged_minutes: int = 60
    audit_seconds: int = 30
    canary_seconds: int = 60
    unresolved_seconds: int = 900  # so long it may stay unknown whether a text went out; then a person is asked
    heartbeat_url: str | None = None
    never_wait: tuple[int, int] = (200, 130)  # mmHg: from here on no page waits for the patient's answer
    log_json: bool = False
    vendor_secrets: dict[str, str] = {}  # vendor's cloud → what its messages must prove to know

    def url_for(self, role: Role) -> str:
        """The login of one role: `DATABASE_URL_WEB` and so on when set, else derived from the owner's."""
        given = self.role_urls.get(role)
        return given or as_role(self.database_url, role, self.secret_key)

    def derived_key(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose only, so no key signs two kinds of things."""
        return hmac.new(self.secret_key.encode(), purpose.encode(), hashlib.sha256).digest()


def role_password(secret_key: str, role: Role) -> str:
    """The password `migrate` gives to a role's login; anyone with the secret key can derive it."""
    return hmac.new(secret_key.encode(), f"role:{role}".encode(), hashlib.sha256).hexdigest()


def as_role(url: str, role: Role, secret_key: str) -> str:
    """The same server and database, signed in as one of our roles."""
    parts = urlsplit(url)
    at = parts.netloc.rpartition("@")[2]
    login = f"careloop_{role}:{quote(role_password(secret_key, role))}"
    return urlunsplit(parts._replace(netloc=f"{login}@{at}"))


def load(env: Mapping[str, str]) -> Settings:
    """Read the environment; `BadSetting` names the first thing that is missing or unreadable."""
    return Settings(
        database_url=_url(env, "DATABASE_URL", ("postgresql", "postgres")),
        role_urls=_role_urls(env),
        mqtt_url=_url(env, "MQTT_URL", ("mqtt", "mqtts")),
        public_url=_url(env, "CARELOOP_PUBLIC_URL", ("http", "https"), "http://127.0.0.1:8000").rstrip("/"),
        secret_key=_secret(env, "CARELOOP_SECRET_KEY"),
        field_key=_secret(env, "CARELOOP_FIELD_KEY"),
        mqtt_admin_url=_optional_url(env, "MQTT_ADMIN_URL", ("mqtt", "mqtts")),
        host=env.get("CARELOOP_HOST", "127.0.0.1"),
        port=_port(env),
        twilio=_twilio(env),
        smtp=_smtp(env),
        demo=_switch(env, "CARELOOP_DEMO"),
        tick_seconds=_seconds(env, "CARELOOP_TICK_SECONDS", 60),
        audit_head=Path(env.get("CARELOOP_AUDIT_HEAD", ".careloop/audit-heads.jsonl")),
        authority=Path(env.get("CARELOOP_AUTHORITY", ".careloop/authority")),
        quarantine_days=_whole(env, "CARELOOP_QUARANTINE_DAYS", 90, "days", 3650),
        silent_hours=_whole(env, "CARELOOP_SILENT_HOURS", 48, "hours", 8760),
        daily_cap=_whole(env, "CARELOOP_DAILY_CAP", 20_000, "readings", 10_000_000),
        acknowledged_minutes=_whole(env, "CARELOOP_ACKNOWLEDGED_MINUTES", 60, "minutes", 1440),
        audit_seconds=_seconds(env, "CARELOOP_AUDIT_SECONDS", 30),
        canary_seconds=_seconds(env, "CARELOOP_CANARY_SECONDS", 60),
        unresolved_seconds=_seconds(env, "CARELOOP_UNRESOLVED_SECONDS", 900),
        heartbeat_url=_optional_url(env, "CARELOOP_HEARTBEAT_URL", ("https", "http")),
        never_wait=_pressure(env, "CARELOOP_NEVER_WAIT", "200/130"),
        log_json=_switch(env, "CARELOOP_LOG_JSON"),
        vendor_secrets=_vendor_secrets(env),
    )


def read(env: Mapping[str, str], name: str) -> str | None:
    """The value of `NAME`, or the content of the file that `NAME_FILE` points to."""
    if value := env.get(name, "").strip():
        return value
    path = env.get(f"{name}_FILE", "").strip()
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadSetting(f"{name}_FILE points to {path}, which cannot be read ({error.strerror}).") from None


def _url(env: Mapping[str, str], name: str, schemes: tuple[str, ...], default: str | None = None) -> str:
    value = read(env, name) or default
    example = f"{schemes[0]}://user:password@host/name"
    if value is None:
        raise BadSetting(f"{name} is not set. Set it, for example {name}={example}.")
    try:
        parts = urlsplit(value)
        usable = parts.scheme in schemes and bool(parts.hostname or parts.query)
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        raise BadSetting(f"{name} is not a {schemes[0]} address. It should look like {example}.")
    return value


def _optional_url(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    return _url(env, name, schemes) if read(env, name) else None


def _secret(env: Mapping[str, str], name: str) -> str:
    value = read(env, name)
    if value is None:
        raise BadSetting(f"{name} is not set. Make one with: python3 -c 'import secrets; print(secrets.token_hex(32))'")
    if len(value) < 32:
        raise BadSetting(f"{name} is too short: at least 32 characters are needed.")
    return value


def _port(env: Mapping[str, str]) -> int:
    value = env.get("CARELOOP_PORT", "8000")
    if not value.isdigit() or not 0 < int(value) < 65536:
        raise BadSetting(f"CARELOOP_PORT is {value!r}; it must be a port number from 1 to 65535.")
    return int(value)


def _seconds(env: Mapping[str, str], name: str, default: int) -> int:
    value = env.get(name, "") or str(default)
    if not value.isdigit() or not 0 < int(value) <= 3600:
        raise BadSetting(f"{name} is {value!r}; it must be a number of seconds from 1 to 3600.")
    return int(value)


def _whole(env: Mapping[str, str], name: str, default: int, unit: str, most: int) -> int:
    value = env.get(name, "") or str(default)
    if not value.isdigit() or not 0 < int(value) <= most:
        raise BadSetting(f"{name} is {value!r}; it must be a number of {unit} from 1 to {most}.")
    return int(value)


def _pressure(env: Mapping[str, str], name: str, default: str) -> tuple[int, int]:
    systolic, _, diastolic = (env.get(name, "") or default).partition("/")
    whole = systolic.isdigit() and diastolic.isdigit()
    if not whole or not (140 <= int(systolic) <= 300 and 90 <= int(diastolic) <= 200):
        raise BadSetting(f"{name} is {systolic}/{diastolic}; it must be a blood pressure in mmHg, like {default}.")
    return int(systolic), int(diastolic)


def _switch(env: Mapping[str, str], name: str) -> bool:
    value = env.get(name, "").lower()
    if value not in {"", "0", "1", "true", "false", "yes", "no"}:
        raise BadSetting(f"{name} is {value!r}; write 1 or 0.")
    return value in {"1", "true", "yes"}


def _role_urls(env: Mapping[str, str]) -> dict[str, str]:
    named = ((role, f"DATABASE_URL_{role.upper()}") for role in ROLES)
    return {role: _url(env, name, ("postgresql", "postgres")) for role, name in named if read(env, name)}


def _twilio(env: Mapping[str, str]) -> Twilio | None:
    names = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_SENDER")
    values = [read(env, name) for name in names]
    if not any(values):
        return None
    sid, token, sender = values
    if not (sid and token and sender):
        missing = [name for name, value in zip(names, values, strict=True) if not value]
        raise BadSetting(f"{' and '.join(missing)} must be set too: texts need all three of {', '.join(names)}.")
    return Twilio(
        account_sid=sid, auth_token=token, sender=sender, api_url=read(env, "TWILIO_API_URL"),
        voice_sender=read(env, "TWILIO_VOICE_SENDER"), texts_a_second=_rate(env, "TWILIO_TEXTS_A_SECOND"),
    )  # fmt: skip


def _smtp(env: Mapping[str, str]) -> Smtp | None:
    url, sender = _optional_url(env, "SMTP_URL", ("smtp", "smtps")), read(env, "SMTP_FROM")
    if url is None:
        return None
    if not sender or "@" not in sender or "\n" in sender:
        raise BadSetting("SMTP_FROM must be set too: the address e-mails come from, like Clinic <care@clinic.example>.")
    return Smtp(url=url, sender=sender)


def _rate(env: Mapping[str, str], name: str) -> float | None:
    value = env.get(name, "").strip()
    if not value:
        return None
    try:
        rate = float(value)
    except ValueError:
        rate = 0.0
    if not 0.01 <= rate <= 10_000:
        raise BadSetting(f"{name} is {value!r}; it must be a number of texts a second, like 1 or 0.5.")
    return rate


def mqtt_parts(url: str) -> tuple[str, int, bool, str | None, str | None]:
    """(host, port, tls, username, password) of an MQTT address."""
    parts = urlsplit(url)
    tls = parts.scheme == "mqtts"
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return parts.hostname or "127.0.0.1", parts.port or (8883 if tls else 1883), tls, user, password


def _vendor_secrets(env: Mapping[str, str]) -> dict[str, str]:
    """`CARELOOP_VENDOR_TENOVI_SECRET` (or `…_SECRET_FILE`) under `tenovi`; a vendor without one is not served."""
    names = {name.removesuffix("_FILE") for name in env if name.startswith("CARELOOP_VENDOR_")}
    found = {name: read(env, name) for name in names if name.endswith("_SECRET")}
    return {
        name.removeprefix("CARELOOP_VENDOR_").removesuffix("_SECRET").lower(): secret
        for name, secret in found.items()
        if secret
    }
