"""What a broker's administrator types where we may not manage it: the same steps as `credentials`, in words."""

from devices import credentials

CONTROL = "mosquitto_ctrl -u <admin> dynsec"


def grant(device_id: str, *, password: bool = True) -> list[str]:
    """Let it in; the password is asked for. Without one (left blank) only its certificate lets it in."""
    role = credentials.role_of(device_id)
    acls = credentials.device_acls(device_id)
    return [
        f"{CONTROL} createRole {role}",
        *(f"{CONTROL} addRoleACL {role} {acl.kind} {acl.topic} allow" for acl in acls),
        f"{CONTROL} createClient {device_id}" + ("" if password else "   # leave the password blank"),
        f"{CONTROL} addClientRole {device_id} {role}",
    ]


def disable(device_id: str) -> list[str]:
    """Shut it out, whatever it signs in with."""
    role = credentials.role_of(device_id)
    return [f"{CONTROL} removeClientRole {device_id} {role}", f"{CONTROL} disableClient {device_id}"]


def enable(device_id: str) -> list[str]:
    """Let it in again."""
    role = credentials.role_of(device_id)
    return [f"{CONTROL} addClientRole {device_id} {role}", f"{CONTROL} enableClient {device_id}"]


def rotate(device_id: str) -> list[str]:
    """From now on another password, which is asked for."""
    return [f"{CONTROL} setClientPassword {device_id}"]
