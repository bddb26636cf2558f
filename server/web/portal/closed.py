"""The page of somebody who has died is closed, and says so gently to whoever opens it."""

from typing import Final

from server.errors import CareloopError
from server.people.clinics import Clinic
from server.people.patients import Language, Patient
from server.web.portal.words import phone

SAYS: Final[dict[Language, tuple[str, str, str]]] = {
    "en": ("This page is closed", "We are sorry for your loss. No more messages will come from us.", "Questions?"),
    "es": ("Esta página está cerrada", "Lamentamos su pérdida. Ya no enviaremos más mensajes.", "¿Preguntas?"),
}


class Closed(CareloopError):
    """In the patient's language."""

    status = 403

    def __init__(self, title: str, says: str) -> None:
        super().__init__(says)
        self.title = title


def refuse_after_death(patient: Patient, clinic: Clinic | None) -> None:
    """Raises `Closed` with whom to call; does nothing while the patient lives."""
    if patient.monitoring_status != "deceased":
        return
    title, says, questions = SAYS[patient.language]
    call = f" {questions} {clinic.name}: {phone(clinic.phone)}." if clinic and clinic.phone else ""
    raise Closed(title, says + call)
