"""A small certificate authority: who a device is, proved by a key that never leaves it; and who no longer is.

Three files in one folder: `ca.key` (0600), `ca.pem`, and `crl.pem`, the list of revoked certificates that the
broker reads. A device's certificate carries its id as common name, which Mosquitto takes for its user name.
"""

import fcntl
import ipaddress
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devices import credentials

CA_LIVES = timedelta(days=3650)
DEVICE_LIVES = timedelta(days=730)
SERVER_LIVES = timedelta(days=825)
BACKDATED = timedelta(hours=1)  # a device's clock may be a little behind
SUBJECT = "Careloop device authority"


class Damaged(Exception):
    """The folder's files cannot be read as an authority's. `reason` names the file."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A key and its certificate (PEM), with the authority's own certificate to know the broker by."""

    serial: str
    expires_at: datetime
    key: bytes
    certificate: bytes
    ca: bytes


class Authority:
    """The authority of one folder; made by `open_authority`."""

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.folder, self._key, self._certificate = folder, key, certificate

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def crl(self) -> Path:
        return self.folder / "crl.pem"

    def issue(self, device_id: str, now: datetime, lives: timedelta = DEVICE_LIVES) -> Issued:
        """A client certificate for this device; `ValueError` for what is no device's id."""
        if not credentials.DEVICE_ID.fullmatch(device_id):  # the broker takes the name for a login, ours included
            raise ValueError("not a device's id")
        name = x509.UniformResourceIdentifier(f"urn:careloop:device:{device_id}")
        return self._issue(device_id, [name], ExtendedKeyUsageOID.CLIENT_AUTH, now, lives)

    def issue_server(self, host: str, now: datetime, lives: timedelta = SERVER_LIVES) -> Issued:
        """The broker's own certificate, for the host name or address that devices connect to."""
        return self._issue(host, [_host(host)], ExtendedKeyUsageOID.SERVER_AUTH, now, lives)

    def _issue(
        self, common: str, names: list[x509.GeneralName], usage: x509.ObjectIdentifier, now: datetime, lives: timedelta
    ) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        until = min(now + lives, self._certificate.not_valid_after_utc)
        certificate = (
            _begun(common, key.public_key(), self._certificate.subject, now, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Issued(
            serial=f"{certificate.serial_number:X}", expires_at=certificate.not_valid_after_utc,
            key=_key_pem(key), certificate=_pem(certificate), ca=_pem(self._certificate),
        )  # fmt: skip

    def revoke(self, serials: Collection[str], now: datetime) -> bool:
        """Put them on the list, which grows only; False when all were on it. The broker must read it anew."""
        with _alone(self.folder):
            listed = _read_crl(self.crl)
            new = {int(serial, 16) for serial in serials} - {one.serial_number for one in listed}
            if new:
                entries = [_revoked(serial, now) for serial in sorted(new)]
                # The broker keeps old lists beside the new one and believes the latest: each begins later.
                begins = max(_begins(self.crl) + timedelta(seconds=1), now - BACKDATED)
                _write(self.crl, self._sign_list([*listed, *entries], _number(self.crl) + 1, begins), 0o644)
        return bool(new)

    def revoked(self) -> set[str]:
        """The serials on the list."""
        return {f"{one.serial_number:X}" for one in _read_crl(self.crl)}

    def _sign_list(self, entries: list[x509.RevokedCertificate], number: int, begins: datetime) -> bytes:
        # It lies beside the broker, so it never goes stale; a nearer end would lock every device out.
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(begins)
            .next_update(self._certificate.not_valid_after_utc)
            .add_extension(x509.CRLNumber(number), critical=False)
        )
        for entry in entries:
            made = made.add_revoked_certificate(entry)
        return made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def open_authority(folder: Path, now: datetime) -> Authority:
    """The authority of this folder, made on first use. `Damaged` when its files do not belong together."""
    with _alone(folder):
        if not (folder / "ca.key").exists():
            _make(folder, now)
    try:
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    except (OSError, ValueError):
        raise Damaged(f"{folder}: ca.key or ca.pem cannot be read. Restore both from a backup.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        raise Damaged(f"{folder}: ca.key does not belong to ca.pem. Restore both from a backup.")
    return Authority(folder, key, certificate)


def _make(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SUBJECT)])
    certificate = (
        _begun(SUBJECT, key.public_key(), subject, now, now + CA_LIVES)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(folder / "crl.pem", Authority(folder, key, certificate)._sign_list([], 1, now - 2 * BACKDATED), 0o644)
    _write(folder / "ca.pem", _pem(certificate), 0o644)
    _write(folder / "ca.key", _key_pem(key), 0o600)  # last: once it is there, all is


def write(folder: Path, issued: Issued, name: str) -> list[Path]:
    """`name`.key (0600), `name`.pem and ca.pem in `folder`, made if missing; existing files are replaced."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = [
        (folder / f"{name}.key", issued.key, 0o600),
        (folder / f"{name}.pem", issued.certificate, 0o644),
        (folder / "ca.pem", issued.ca, 0o644),
    ]
    for path, content, mode in files:
        _write(path, content, mode)
    return [path for path, _, _ in files]


def _begun(
    common: str, key: ec.EllipticCurvePublicKey, issuer: x509.Name, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature, key_cert_sign=key_cert_sign, crl_sign=crl_sign,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _revoked(serial: int, now: datetime) -> x509.RevokedCertificate:
    return x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()


def _load_crl(path: Path) -> x509.CertificateRevocationList:
    try:
        return x509.load_pem_x509_crl(path.read_bytes())
    except (OSError, ValueError):
        raise Damaged(f"{path} cannot be read: it says which certificates are revoked. Restore it.") from None


def _read_crl(path: Path) -> list[x509.RevokedCertificate]:
    return list(_load_crl(path))


def _begins(path: Path) -> datetime:
    return _load_crl(path).last_update_utc


def _number(path: Path) -> int:
    return int(_load_crl(path).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """There wholly or not at all, and never readable by more than `mode` says."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as output:
        output.write(content)
        output.flush()
        os.fsync(output.fileno())
    fresh.replace(path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time: a list read by two and written by both would lose one's entry."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
