"""The people of the demo. All of them are invented; their telephone numbers are reserved for fiction (555-01xx)."""

import random
from collections.abc import Sequence
from datetime import date

import msgspec

from devices.bodies import Body, Kind
from server.people.patients import Language, Sex

SEED = 20_261_121
ORGANIZATION = "Larkfield Community Health"
CLINIC = "Larkfield Clinic"
TEAM = "Home monitoring"
ZONE = "America/New_York"
SENDER = "+12125550100"
ZONES = {"NY": ("America/New_York", "212"), "CH": ("America/Chicago", "312"), "DE": ("America/Denver", "303")}


class Character(msgspec.Struct, frozen=True, kw_only=True):
    """A patient of the demo; `part` is a role in its story."""

    place: int
    given_name: str
    family_name: str
    sex: Sex
    born: date
    language: Language
    zone: str
    phone: str
    programme: str
    also: tuple[str, ...]
    body: Body
    kinds: tuple[Kind, ...]
    crossing: Kind
    adherence: float
    part: str = ""

    @property
    def mrn(self) -> str:
        return f"LF-{1001 + self.place}"


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    role: str
    login: str
    phone: str


STAFF = (
    Worker(name="Imogen Hartwell", role="nurse", login="nurse", phone="+12125550101"),
    Worker(name="Tomás Villanueva", role="nurse", login="nurse2", phone="+12125550102"),
    Worker(name="Priya Ramanathan", role="coordinator", login="coordinator", phone="+12125550103"),
)
CHARGE_NURSE, STAND_IN = "Imogen Hartwell", "Priya Ramanathan"
ADMIN = Worker(name="Desmond Okoro", role="admin", login="admin", phone="+12125550104")

# The device of the ready file is hers: hypertension with the programme's default limits, no open alert.
READY, SPANISH, SILENT = "ready", "spanish", "silent"
READY_NAME = "Rosalind Achterberg"

# given, family, sex, birth year, language, zone, further programmes, part
PEOPLE: dict[str, list[tuple[str, str, Sex, int, Language, str, str, str]]] = {
    "hypertension": [
        ("Rosalind", "Achterberg", "female", 1966, "en", "NY", "", READY),
        ("Esperanza", "Quintanilla", "female", 1961, "es", "CH", "", SPANISH),
        ("Walter", "Pemberton", "male", 1953, "en", "NY", "", SILENT),
        ("Odalys", "Ferreira", "female", 1970, "es", "NY", "diabetes", ""),
        ("Bartholomew", "Nkemelu", "male", 1958, "en", "CH", "", ""),
        ("Linnea", "Sandqvist", "female", 1949, "en", "DE", "", ""),
        ("Hiroshi", "Tanemura", "male", 1963, "en", "DE", "", ""),
        ("Marguerite", "Delacroix-Boone", "female", 1957, "en", "NY", "", ""),
        ("Ezekiel", "Thornbury", "male", 1972, "en", "CH", "", ""),
        ("Guadalupe", "Montenegro", "female", 1968, "es", "DE", "", ""),
        ("Cornelius", "Vandermolen", "male", 1946, "en", "NY", "", ""),
        ("Aisha", "Farouk-Bell", "female", 1975, "en", "CH", "", ""),
        ("Patrick", "O'Shaughnessy", "male", 1960, "en", "NY", "", ""),
        ("Svetlana", "Morozova-Kerr", "female", 1955, "en", "DE", "", ""),
    ],
    "diabetes": [
        ("Delphine", "Okafor", "female", 1964, "en", "NY", "", ""),
        ("Ramiro", "Castellanos", "male", 1959, "es", "CH", "hypertension", ""),
        ("Winifred", "Applegate", "female", 1951, "en", "DE", "", ""),
        ("Tobias", "Lindqvist", "male", 1978, "en", "CH", "", ""),
        ("Marisol", "Echeverría", "female", 1969, "es", "NY", "", ""),
        ("Jerome", "Whitlock", "male", 1962, "en", "NY", "", ""),
        ("Anneliese", "Brandt-Moore", "female", 1973, "en", "DE", "", ""),
        ("Kwame", "Adjei-Stone", "male", 1956, "en", "CH", "", ""),
        ("Philippa", "Greystone", "female", 1980, "en", "NY", "", ""),
        ("Anselmo", "Zaragoza", "male", 1967, "es", "DE", "", ""),
        ("Noor", "Haddad-Lane", "female", 1971, "en", "CH", "", ""),
    ],
    "heart_failure": [
        ("Augustus", "Fairweather", "male", 1948, "en", "NY", "", ""),
        ("Beatriz", "Salvatierra", "female", 1954, "es", "CH", "", ""),
        ("Leopold", "Wintergreen", "male", 1952, "en", "DE", "", ""),
        ("Henrietta", "Mabry", "female", 1945, "en", "NY", "hypertension", ""),
        ("Dmitri", "Vasilenko", "male", 1957, "en", "CH", "", ""),
        ("Constance", "Yellowhorse", "female", 1950, "en", "DE", "", ""),
        ("Emmanuel", "Baptiste", "male", 1961, "en", "NY", "", ""),
        ("Soledad", "Irigoyen", "female", 1959, "es", "NY", "", ""),
    ],
    "copd": [
        ("Mortimer", "Castlebrook", "male", 1951, "en", "NY", "", ""),
        ("Genevieve", "Tull", "female", 1956, "en", "CH", "", ""),
        ("Ignacio", "Bermúdez", "male", 1949, "es", "DE", "", ""),
        ("Harriet", "Penhaligon", "female", 1947, "en", "NY", "", ""),
        ("Solomon", "Achebe-Wright", "male", 1954, "en", "CH", "", ""),
        ("Rosamund", "Elkhart", "female", 1960, "en", "DE", "", ""),
        ("Thaddeus", "Moonie", "male", 1958, "en", "NY", "", ""),
    ],
}

MEASURED: dict[str, tuple[tuple[Kind, ...], Kind]] = {
    "hypertension": (("blood_pressure",), "blood_pressure"),
    "diabetes": (("glucose",), "glucose"),
    "heart_failure": (("weight", "blood_pressure", "spo2"), "weight"),
    "copd": (("spo2", "temperature"), "spo2"),
}
MODELS = {
    "hypertension": ("Larch Cuff 3", "Wrenfield Instruments"),
    "diabetes": ("Tansy Meter", "Wrenfield Instruments"),
    "heart_failure": ("Hearthside Hub", "Coldbrook Devices"),
    "copd": ("Finchley Oximeter", "Coldbrook Devices"),
}


def everybody(silent_zone: str = ZONE) -> Sequence[Character]:
    """The same forty people with the same bodies, every time; only where the silent one lives is given."""
    chance = random.Random(SEED)  # noqa: S311 - invented bodies
    lines = [(programme, line) for programme, lines in PEOPLE.items() for line in lines]
    people = [_character(place, programme, line, chance) for place, (programme, line) in enumerate(lines)]
    return [msgspec.structs.replace(one, zone=silent_zone) if one.part == SILENT else one for one in people]


def _character(
    place: int,
    programme: str,
    line: tuple[str, str, Sex, int, Language, str, str, str],
    chance: random.Random,
) -> Character:
    given, family, sex, year, language, where, also, part = line
    zone, area = ZONES[where]
    kinds, crossing = MEASURED[programme]
    both = (*kinds, "blood_pressure") if also == "hypertension" and "blood_pressure" not in kinds else kinds
    return Character(
        place=place,
        given_name=given,
        family_name=family,
        sex=sex,
        born=date(year, chance.randint(1, 12), chance.randint(1, 28)),
        language=language,
        zone=zone,
        phone=f"+1{area}5550{110 + place}",
        programme=programme,
        also=(also,) if also else (),
        body=_body(programme, sex, chance),
        kinds=(*both, "glucose") if also == "diabetes" else both,
        crossing=crossing,
        adherence=1.0 if part == READY else chance.uniform(0.72, 0.97),
        part=part,
    )


def _body(programme: str, sex: Sex, chance: random.Random) -> Body:
    pressure = chance.uniform(130, 148) if programme == "hypertension" else chance.uniform(116, 134)
    weight = chance.uniform(61, 88) if sex == "female" else chance.uniform(72, 104)
    in_copd, in_failure = programme == "copd", programme == "heart_failure"
    return Body(
        systolic=pressure,
        diastolic=pressure * chance.uniform(0.58, 0.64),
        pulse=chance.uniform(62, 82),
        glucose=chance.uniform(112, 150) if programme == "diabetes" else chance.uniform(94, 110),
        weight=round(weight, 1),
        spo2=chance.uniform(89.8, 92) if in_copd else chance.uniform(96.3, 98),
        temperature=chance.uniform(36.4, 36.8),
        systolic_slope=chance.choice([-0.18, -0.12, -0.05, 0.0, 0.04]) if programme == "hypertension" else 0.0,
        weight_slope=chance.choice([-0.02, 0.0, 0.015]),
        excited_mornings=chance.choice([0, 0, 6, 12]),
        spo2_lowest=88 if in_copd else 95,
        dry_weight=round(weight + 1.2, 1) if in_failure else None,
    )
