"""Corpora of one to three chunks, of several domains, with questions that they answer and others."""

from __future__ import annotations

from typing import NamedTuple


class TinyCase(NamedTuple):
    """A question to one of CORPORA; `answer` must be in the answer, None: the corpus does not say."""

    corpus: str
    question: str
    answer: str | None


CORPORA: dict[str, dict[str, str]] = {
    "cafe": {
        "cafe.md": (
            "# Harbour Café\n\nWe open at seven on weekdays and at nine on Sundays. A flat white costs 3.80 "
            "euros. Dogs are welcome on the terrace, but not inside.\n"
        ),
    },
    "leave": {
        "leave.md": (
            "# Leave policy\n\nEvery employee has 27 days of paid leave a year. Unused days expire on 31 "
            "March of the next year. Requests go to the team lead at least two weeks ahead.\n"
        ),
    },
    "pump": {
        "pump.txt": (
            "The K90 circulation pump delivers 45 litres per minute at 2 bar. Change its oil every 500 "
            "hours. The seal kit has part number SK-118.\n"
        ),
    },
    "museum": {
        "museum.md": (
            "# Maritime museum\n\nThe lighthouse lens was made in Paris in 1874. It weighs 640 kilograms and "
            "turned on a bath of mercury.\n\n# Visiting\n\nChildren under twelve enter free of charge. The "
            "museum closes on Mondays.\n"
        ),
    },
    "bread": {
        "bread.md": (
            "Mix 500 grams of rye flour with 400 millilitres of warm water. Let the dough rest for twelve "
            "hours. Bake it at 220 degrees for fifty minutes.\n"
        ),
    },
    "api": {
        "api.md": (
            "# Rate limits\n\nEach token may send 120 requests per minute. Above that the server replies "
            "with status 429 and a Retry-After header.\n\n# Authentication\n\nPass the token in the X-Token "
            "header. Tokens expire after ninety days.\n"
        ),
    },
    "lease": {
        "lease.txt": (
            "The tenant shall give three months' notice in writing. The deposit amounts to two monthly rents "
            "and is returned within six weeks of moving out. Subletting needs the landlord's consent.\n"
        ),
    },
    "clinic": {
        "clinic.md": (
            "Patients must not eat for six hours before the scan. Metal jewellery has to be taken off. The "
            "scan itself takes about twenty minutes.\n"
        ),
    },
    "garden": {
        "garden.md": "Tomatoes are planted out after the last frost in May.",
        "paths.md": "The gravel paths are raked every Friday by the volunteers.",
    },
    "tickets": {
        "tickets.csv": "Ticket,Priority,Owner\nT-248,high,Anna\nT-249,low,Bruno\nT-250,high,Carla\nT-251,low,Dmitri\n",
    },
    "ferry": {
        "ferry.md": "# Ferry\n\nThe ferry to Vessel Island leaves from pier 4 at 8:15 and 17:40.",
        "fares.md": "# Fares\n\nA return ticket costs 18 euros; bicycles travel for 4 euros.",
        "pets.md": "# Pets\n\nCats must stay in a closed basket during the crossing.",
    },
    "backup": {
        "backup.md": (
            "Backups run every night at 02:30 and are kept for 35 days. Restores are started from the "
            "Recovery tab by an administrator. Encryption keys are stored in the office safe.\n"
        ),
    },
    "choir": {
        "choir.txt": "The choir rehearses on Tuesdays in the old chapel. Its conductor is Mirela Toncic.\n",
    },
    "router": {
        "router.md": "To reset the router, hold the pin button for ten seconds until the amber lamp blinks.\n",
    },
}

CASES: list[TinyCase] = [
    TinyCase(*row)
    for row in (
        ("cafe", "When does the café open on Sundays?", "nine"),
        ("cafe", "How much is a flat white?", "3.80"),
        ("cafe", "May I bring my dog inside?", "terrace"),
        ("cafe", "Who won the cycling race in 1987?", None),
        ("cafe", "How do I renew my passport?", None),
        ("cafe", "Which bank issues the company credit card?", None),
        ("leave", "How many days of paid leave do employees have?", "27"),
        ("leave", "When do unused leave days expire?", "31 March"),
        ("leave", "What is the boiling point of ethanol?", None),
        ("leave", "Which printer is on the third floor?", None),
        ("pump", "How often must the oil be changed?", "500 hours"),
        ("pump", "What is the part number of the seal kit?", "SK-118"),
        ("pump", "Who founded the Ottoman empire?", None),
        ("pump", "How long is parental leave?", None),
        ("museum", "How heavy is the lighthouse lens?", "640"),
        ("museum", "On which day is the museum closed?", "Mondays"),
        ("museum", "What is the password of the guest network?", None),
        ("museum", "Which vaccine is given to infants?", None),
        ("bread", "How long does the dough have to rest?", "twelve hours"),
        ("bread", "At what temperature is the bread baked?", "220"),
        ("bread", "Who signed the purchase contract?", None),
        ("bread", "How do I reset my router?", None),
        ("api", "How many requests may a token send per minute?", "120"),
        ("api", "After how many days do tokens expire?", "ninety"),
        ("api", "What does a ticket to the zoo cost?", None),
        ("api", "When was the cathedral built?", None),
        ("lease", "How much notice must the tenant give?", "three months"),
        ("lease", "When is the deposit returned?", "six weeks"),
        ("lease", "Which spices go into the curry?", None),
        ("lease", "How tall is the radio tower?", None),
        ("clinic", "How long before the scan must patients not eat?", "six hours"),
        ("clinic", "How long does the scan take?", "twenty minutes"),
        ("clinic", "Which team won the championship last season?", None),
        ("clinic", "How is the invoice number formatted?", None),
        ("garden", "When are tomatoes planted out?", "May"),
        ("garden", "Who rakes the gravel paths?", "volunteers"),
        ("garden", "How many shares were issued in the merger?", None),
        ("garden", "What is the default port of the database?", None),
        ("tickets", "Who owns ticket T-250?", "Carla"),
        ("tickets", "What priority does T-249 have?", "low"),
        ("tickets", "Which wine goes with venison?", None),
        ("tickets", "When was the bridge opened to traffic?", None),
        ("ferry", "From which pier does the ferry to Vessel Island leave?", "pier 4"),
        ("ferry", "How much does a return ticket cost?", "18"),
        ("ferry", "What is the interest rate of the savings account?", None),
        ("ferry", "How do I install the printer driver?", None),
        ("backup", "How long are backups kept?", "35 days"),
        ("backup", "Where are the encryption keys stored?", "safe"),
        ("backup", "What time does breakfast start at the hotel?", None),
        ("backup", "Who composed the opera about the shepherd?", None),
        ("choir", "Who is the conductor of the choir?", "Mirela Toncic"),
        ("choir", "On which day does the choir rehearse?", "Tuesdays"),
        ("choir", "How many litres does the fuel tank hold?", None),
        ("choir", "What is the fine for parking on the pavement?", None),
        ("router", "How do I reset the router?", "ten seconds"),
        ("router", "What is the capital of Mongolia?", None),
        ("router", "How many calories are in a banana?", None),
    )
]

NEAR_MISSES: list[TinyCase] = [
    TinyCase(*row, None)
    for row in (
        ("cafe", "What does a slice of cheesecake cost?"),
        ("leave", "How much is the Christmas bonus?"),
        ("pump", "What colour is the pump's housing?"),
        ("museum", "Who is the director of the museum?"),
        ("bread", "How much salt goes into the dough?"),
        ("api", "Which programming languages have a client library?"),
        ("lease", "Who pays for repairs of the heating?"),
        ("clinic", "What does the scan cost?"),
        ("garden", "Which fertiliser do the roses get?"),
        ("ferry", "What is the name of the captain?"),
        ("backup", "How big is the backup disk?"),
        ("choir", "How many singers does the choir have?"),
        ("router", "What is the default password of the router?"),
        ("tickets", "When was ticket T-250 closed?"),
    )
]
"""Questions about what a corpus is about that it does not answer: harder, and refused less often."""
