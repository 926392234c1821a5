"""What Schemathesis cannot know from the document: who asks, and what only a person would know.

Loaded by it (SCHEMATHESIS_HOOKS).
"""

import collections
import json
import re
import zlib

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

import people

# What ends the session of whoever asks, or the account, or what it rests on.
ENDING = {
    "change_password",
    "delete_me",
    "delete_workspace",
    "end_all_sessions",
    "end_one_session",
    "end_session",
    "enter_workspace",
    "refresh_session",
    "transfer_workspace",
}
# Who asks for what. The owner asks for everything else, and must not lose the session.
PARTS = {
    "guest": ENDING | {"create_workspace", "list_sessions", "list_workspaces"},
    # Wrong codes lock these up for a while, and right ones change how one signs in.
    "prover": {"start_totp", "confirm_totp", "delete_totp", "replace_recovery_codes"},
}
# These want the password once more.
CONFIRMED = {
    "change_email",
    "change_password",
    "delete_me",
    "delete_passkey",
    "delete_totp",
    "delete_workspace",
    "replace_recovery_codes",
    "start_passkey",
    "start_totp",
    "transfer_workspace",
}
# What says that a token is no longer good, and not that a password is wrong.
REFUSED = {"unauthenticated", "token_expired", "session_revoked"}
# How many ids of a list are remembered.
REMEMBERED = 20
# What refuses a valid request for what has happened before, or for who made a value.
STATES = {
    "idempotency_key_reused",
    "invalid_cursor",
    "link_expired",
    "precondition_failed",
    "upgrade_required",
}
# Rules that a schema can state, and so must.
STATABLE = re.compile(
    r"must have \d+ to \d+ characters|cannot be cleared|is required$|unknown variant"
    # 50.0 is an integer to JSON Schema and none to serde.
    r"|invalid type: (?!floating point)"
)


class Cast:
    """Who plays which part, and what they have made."""

    def __init__(self):
        self.people = {}
        # Whose a token is.
        self.tokens = {}
        # By part and list: the parameters of the path to each thing that is there.
        self.things = collections.defaultdict(list)
        self.issuer = people.identity_provider()
        self.origin = "https://shop.example"
        token = self.token("owner")
        self.agent = people.ask("POST", "/agents", token, json={"name": "Robin"})["id"]
        self.key = people.ask("POST", "/auth/keys", token, json=self.page_key())["key"]
        # Of a workspace that nobody else touches.
        email = f"guest-of-{self.people['owner'].email}"
        invite = {"email": email, "role": "viewer"}
        people.ask("POST", "/auth/invites", people.Person().token, json=invite)
        self.invitation = people.link_to(email)

    def page_key(self):
        """A key for a page, as it is asked for."""
        return {"name": "page", "agent_id": self.agent, "allowed_origins": [self.origin]}

    def person(self, part):
        """Who plays this part now."""
        if part not in self.people:
            self.people[part] = people.Person()
            for place in [place for place in self.things if place[0] == part]:
                del self.things[place]
        return self.people[part]

    def token(self, part):
        """A token of theirs, remembered as such."""
        token = self.person(part).token
        self.tokens[token] = part
        return token

    def resume(self, part):
        """Has them sign in again, or somebody else play the part where that is not possible."""
        try:
            self.person(part).sign_in()
        except people.Refused:
            self.dismiss(part)

    def dismiss(self, part):
        """Somebody else is to play the part from now on."""
        self.people.pop(part, None)


def operation_id(operation):
    """What the document calls it."""
    return operation.definition.raw.get("operationId")


def part_of(operation):
    """Which part asks for it."""
    name = operation_id(operation)
    return next((part for part, names in PARTS.items() if name in names), "owner")


def bearer(headers):
    """The token of a request."""
    value = headers.get("Authorization")
    return value.removeprefix("Bearer ") if isinstance(value, str) else ""


def names_in(path):
    """The parameters of a path."""
    return re.findall(r"\{(\w+)\}", path)


def number_of(case):
    """A number that looks like chance, and is the same whenever the same case is made again."""
    made = (case.operation.label, case.path_parameters, case.query, case.body)
    return zlib.crc32(repr(made).encode())


CAST = Cast()


@schemathesis.auth(refresh_interval=None)
class Bearer:
    """Signs each case in as whoever asks for its operation."""

    def get(self, case, context):
        return CAST.token(part_of(context.operation))

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    part = CAST.tokens.get(bearer(case.headers))
    if part is not None:
        # They may have signed in again since the case was made.
        case.headers["Authorization"] = f"Bearer {CAST.token(part)}"
    if isinstance(case.body, dict) and "://" in str(case.body.get("issuer")):
        # An identity provider is asked when it is added, and nobody outside is to be asked.
        case.body["issuer"] = CAST.issuer
    if case.meta is None or case.meta.generation.mode.is_negative:
        return
    number = number_of(case)
    confirm(case)
    # The other half stays as it was generated.
    if number % 2:
        point(case, number // 2)
        complete(case)


def confirm(case):
    """Puts the right password where one is wanted once more."""
    name = operation_id(case.operation)
    if name not in CONFIRMED or isinstance(case.body, (list, str, int, float)):
        return
    field = "current_password" if name == "change_password" else "password"
    given = case.body if isinstance(case.body, dict) else {}
    case.body = {**given, field: CAST.person(part_of(case.operation)).password}
    case.media_type = case.media_type or "application/json"


def point(case, number):
    """Has the path lead to something that is there. A sequence of steps knows by itself where to."""
    if not case.path_parameters or case.meta.phase.name.value == "stateful":
        return
    # The list that the last parameter chooses from.
    place = case.path[: case.path.rindex("{")].rstrip("/")
    if there := CAST.things.get((part_of(case.operation), place)):
        chosen = there[number % len(there)]
        case.path_parameters.update(zip(names_in(case.path), chosen, strict=True))


def complete(case):
    """Puts into a valid case what no schema can say: a code, a name, a key."""
    # A list makes its cursors itself, and each says how it was asked for.
    case.query.pop("cursor", None)
    if "If-Match" in case.headers:
        case.headers["If-Match"] = "*"
    if not isinstance(case.body, dict):
        return
    name, person = operation_id(case.operation), CAST.person(part_of(case.operation))
    if name == "create_session":
        guest = CAST.person("guest")
        case.body.update(email=guest.email, password=guest.password)
    elif name == "refresh_session":
        case.body["refresh_token"] = person.refresh_token
    elif name == "delete_workspace":
        case.body["name"] = person.workspace
    elif name == "confirm_totp" and person.setup:
        case.body.update(setup_id=person.setup["setup_id"], code=person.code())
    elif name in {"delete_totp", "replace_recovery_codes"} and person.setup:
        case.body["code"] = person.code()
    elif name in {"create_issuer", "update_issuer"} and "email_domains" in case.body:
        case.body["email_domains"] = [people.DOMAIN]
    elif name == "create_key":
        case.body = CAST.page_key()
    elif name == "create_invite":
        case.body["email"] = f"{case.id}@{people.DOMAIN}"
    elif name == "look_up_invite":
        case.body["token"] = CAST.invitation
    elif name == "create_visitor_session":
        case.body = {"key": CAST.key}
        case.headers["Origin"] = CAST.origin


@schemathesis.hook
def after_call(context, case, response):
    part = CAST.tokens.get(bearer(response.request.headers))
    if part is None:
        return
    name, status = operation_id(case.operation), response.status_code
    answer = content(response)
    if status == 401 and answer.get("code") in REFUSED:
        if part == "owner":
            # No later case would say anything, so the run counts as failed.
            with open("lost", "a", encoding="utf-8") as lost:
                print(case.operation.label, file=lost)
        CAST.resume(part)
    elif part != "owner" and status == 429:
        CAST.dismiss(part)
    elif name in ENDING and status < 300:
        CAST.resume(part)
    elif name == "start_totp" and status == 200:
        CAST.person(part).setup = answer
    if status < 300:
        remember(case, part, answer)


def remember(case, part, answer):
    """Keeps the ids of what is there."""
    above = tuple(case.path_parameters[name] for name in names_in(case.path))
    things = CAST.things[part, case.path]
    if case.method == "DELETE" and "{" in case.path:
        place = case.path[: case.path.rindex("{")].rstrip("/")
        there = CAST.things[part, place]
        if above in there:
            there.remove(above)
    elif case.method == "POST" and "channel_id" in answer:
        for place in ("/channels", "/messages"):
            CAST.things[part, place].append((answer["channel_id"],))
    elif case.method == "POST" and "id" in answer:
        things.append((*above, answer["id"]))
    elif case.method == "GET" and "items" in answer:
        found = [item.get("id", item.get("user_id")) for item in answer["items"]]
        things.extend((*above, thing) for thing in found if thing and (*above, thing) not in things)
    del things[:-REMEMBERED]


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Lets pass that a request was refused which fits the schema, if that is no fault of the schema: a
    rule is more than a schema can state, and the answer names the field that breaks it.
    """
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = content(response)
    if problem.get("code") in STATES:
        return False
    errors = problem.get("errors", [])
    return not errors or any(is_statable(error) for error in errors)


def is_statable(error):
    """Whether the schema should have told of this error. Of a list's items it tells the type only."""
    of_an_item = re.search(r"/\d+$", error.get("pointer", ""))
    return bool(STATABLE.search(error["detail"])) and not of_an_item


def content(response):
    """The JSON object of an answer, or an empty one."""
    try:
        found = json.loads(response.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
