"""Certificates: whose they are, how long, who signed them, and which are good no more."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devices import authority
from devices.authority import Damaged, open_authority

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_certificate_names_its_device_and_is_signed_by_the_authority(tmp_path: Path) -> None:
    ours = open_authority(tmp_path, NOW)
    issued = ours.issue("cuff-1", NOW)
    certificate, ca = x509.load_pem_x509_certificate(issued.certificate), x509.load_pem_x509_certificate(issued.ca)
    certificate.verify_directly_issued_by(ca)
    assert [one.value for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["cuff-1"]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:careloop:device:cuff-1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_after_utc == issued.expires_at == NOW + authority.DEVICE_LIVES
    key = serialization.load_pem_private_key(issued.key, None)
    assert key.public_key() == certificate.public_key()
    assert f"{certificate.serial_number:X}" == issued.serial


def test_no_certificate_outlives_its_authority(tmp_path: Path) -> None:
    issued = open_authority(tmp_path, NOW).issue("cuff-1", NOW + timedelta(days=3600))
    assert issued.expires_at == NOW + authority.CA_LIVES


@pytest.mark.parametrize("name", ["careloop_admin", "careloop_bridge", "", "+", "a/b", "ä", "x" * 65])
def test_no_certificate_is_made_for_one_of_our_own_logins_or_for_no_device(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a device"):
        open_authority(tmp_path, NOW).issue(name, NOW)


def test_the_same_folder_is_the_same_authority_and_its_key_is_closed(tmp_path: Path) -> None:
    first, again = open_authority(tmp_path / "a", NOW), open_authority(tmp_path / "a", NOW + timedelta(days=1))
    assert first.issue("x", NOW).ca == again.issue("x", NOW).ca
    assert (tmp_path / "a" / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_what_is_handed_over_is_closed_to_others(tmp_path: Path) -> None:
    issued = open_authority(tmp_path / "a", NOW).issue("cuff-1", NOW)
    files = authority.write(tmp_path / "out", issued, "cuff-1")
    assert [path.name for path in files] == ["cuff-1.key", "cuff-1.pem", "ca.pem"]
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert files[0].read_bytes() == issued.key


def test_the_list_grows_is_signed_and_each_list_begins_after_the_one_before(tmp_path: Path) -> None:
    ours = open_authority(tmp_path, NOW)
    serials = [ours.issue(f"cuff-{n}", NOW).serial for n in range(5)]
    begins, numbers = [], []
    for serial in serials:
        assert ours.revoke([serial], NOW)
        crl = x509.load_pem_x509_crl(ours.crl.read_bytes())
        assert crl.is_signature_valid(x509.load_pem_x509_certificate(ours.ca.read_bytes()).public_key())  # type: ignore[arg-type]
        begins.append(crl.last_update_utc)
        numbers.append(crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
        assert crl.next_update_utc == NOW + authority.CA_LIVES
    assert ours.revoked() == set(serials)
    assert begins == sorted(set(begins))
    assert begins[-1] <= NOW
    assert numbers == sorted(set(numbers))
    assert not ours.revoke(serials, NOW)


def test_revoking_at_the_same_time_loses_none(tmp_path: Path) -> None:
    serials = [open_authority(tmp_path, NOW).issue(f"cuff-{n}", NOW).serial for n in range(12)]
    started = threading.Barrier(len(serials))

    def revoke(serial: str) -> None:
        ours = open_authority(tmp_path, NOW)
        started.wait(10)
        ours.revoke([serial], NOW)

    threads = [threading.Thread(target=revoke, args=[serial]) for serial in serials]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert open_authority(tmp_path, NOW).revoked() == set(serials)


@pytest.mark.parametrize("broken", ["ca.key", "ca.pem", "crl.pem"])
def test_damaged_files_are_named_and_never_replaced(tmp_path: Path, broken: str) -> None:
    open_authority(tmp_path, NOW)
    (tmp_path / broken).write_text("nonsense")
    with pytest.raises(Damaged, match=broken.replace(".", r"\.")):
        open_authority(tmp_path, NOW).revoke(["AB"], NOW)
    assert (tmp_path / broken).read_text() == "nonsense"


def test_a_key_of_another_authority_is_noticed(tmp_path: Path) -> None:
    open_authority(tmp_path / "a", NOW)
    open_authority(tmp_path / "b", NOW)
    (tmp_path / "b" / "ca.key").replace(tmp_path / "a" / "ca.key")
    with pytest.raises(Damaged, match="does not belong"):
        open_authority(tmp_path / "a", NOW)
