"""Asks the API what nobody thought of: Schemathesis makes requests from the OpenAPI document, valid ones
and others, alone and one after the other, and holds the answers against the document.

    fuzz.py URL

URL is where the gateway is. The report goes to the current folder. SYNTERA_FUZZ_SEED makes other
requests, SYNTERA_FUZZ_EXAMPLES more of them or fewer. What fails is printed with the command that
repeats it.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

HERE = pathlib.Path(__file__).parent
SEED = "1"
# What has to be asked of each of these services.
ENOUGH = {"auth": 5000}
# The largest part of the answers that may be refusals for who asks or how often, and the smallest that
# must be successes: a run whose people are locked out proves nothing.
REFUSED, MOST_REFUSED = (401, 403, 429), 0.10
LEAST_DONE = 0.15


def run(url):
    """Runs it; whether it found nothing."""
    for old in ("report.ndjson", "lost"):
        pathlib.Path(old).unlink(missing_ok=True)
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
    command += ["--config-file", str(HERE / "schemathesis.toml"), "run", f"{url}/api/v1/openapi.json"]
    command += ["--seed", os.environ.get("SYNTERA_FUZZ_SEED", SEED)]
    command += ["--report-ndjson-path", "report.ndjson"]
    if examples := os.environ.get("SYNTERA_FUZZ_EXAMPLES"):
        command += ["--max-examples", examples]
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    environment = {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONDONTWRITEBYTECODE": "1",
        "SCHEMATHESIS_HOOKS": "hooks",
        "SYNTERA_FUZZ_BASE_URL": url,
    }
    return subprocess.run(command, env=environment, check=False).returncode == 0


def services(url):
    """The service behind each path."""
    with urllib.request.urlopen(f"{url}/api/v1/openapi.json", timeout=30) as answer:
        paths = json.load(answer)["paths"]
    return {path: next(iter(item.values()))["tags"][0] for path, item in paths.items()}


def answers():
    """The method, the path and the status of every case."""
    with open("report.ndjson", encoding="utf-8") as report:
        for line in report:
            recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
            for name, case in recorder.get("cases", {}).items():
                response = recorder["interactions"].get(name, {}).get("response")
                if response:
                    made = case["value"]
                    yield made["method"], made["path"], response["status_code"]


def judge(url):
    """What is wrong with the run itself; prints what it did."""
    service = services(url)
    counts = collections.defaultdict(collections.Counter)
    done = collections.Counter()
    for method, path, status in answers():
        counts[service[path]][status] += 1
        # Of what the document does not have, 405 is all there is to see.
        if status != 405:
            done[f"{method} {path}"] += status < 400
    total = sum(counts.values(), collections.Counter())
    print("\ncases, by the service behind the gateway and by status:")
    for name, statuses in [*sorted(counts.items()), ("all", total)]:
        shown = "  ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        print(f"  {name:<10} {statuses.total():>6}   {shown}")
    print("nothing succeeded at:", ", ".join(sorted(name for name, some in done.items() if not some)))

    for name, enough in ENOUGH.items():
        if counts[name].total() < enough:
            yield f"{counts[name].total()} cases for {name} are fewer than {enough}"
    everything = total.total() or 1
    refused = sum(total[status] for status in REFUSED) / everything
    if refused > MOST_REFUSED:
        yield f"{refused:.0%} of the answers are {REFUSED}: who asked was locked out"
    successes = sum(count for status, count in total.items() if status < 400) / everything
    if successes < LEAST_DONE:
        yield f"only {successes:.0%} of the requests did anything"
    if pathlib.Path("lost").exists():
        where = pathlib.Path("lost").read_text(encoding="utf-8").splitlines()
        yield f"the owner's session ended: {', '.join(where)} (hooks.py, ENDING)"


def main():
    """Runs it and says what is wrong."""
    url = sys.argv[1].rstrip("/")
    # The fleet is on this machine.
    os.environ["NO_PROXY"] = "*"
    faults = [] if run(url) else ["Schemathesis found the faults above"]
    faults += judge(url)
    for fault in faults:
        print(f"FAILED  {fault}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
