"""Checks the Grafana dashboards and the alert rules against Prometheus' grammar and our own code.

    dashboard_lint.py REPOSITORY

Grafana draws a panel with a broken query as an empty one, and a query for a metric that nobody
exports looks the same as a quiet system. So: every expression parses, every metric in it is one
that the code registers or that is listed below, every data source is provisioned, ids are unique,
no panels overlap, and every alert has a test.
"""

import json
import pathlib
import re
import sys

import promql_parser
import yaml

# What comes from elsewhere: Prometheus itself, its process collector, RabbitMQ's plugin.
FOREIGN = {
    "up",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "rabbitmq_detailed_queue_consumers",
    "rabbitmq_detailed_queue_messages_ready",
}
# What Grafana puts in before it asks. Any value that parses will do.
VARIABLES = {"$__rate_interval": "5m", "$__range": "1h", "$service": "gateway"}

faults = []


def metrics_of_code(root):
    """Every string that looks like a metric's name, in the sources of crates and services."""
    names = set()
    for folder in ("crates", "services"):
        for path in (root / folder).rglob("src/**/*.rs"):
            names.update(re.findall(r'"([a-z][a-z0-9]*(?:_[a-z0-9]+)+)"', path.read_text()))
    return names


def check_expression(where, expression, known):
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    if "$" in expression.replace("$labels", ""):
        faults.append(f"{where}: unknown variable in {expression}")
        return
    try:
        tree = promql_parser.parse(expression)
    except ValueError as error:
        faults.append(f"{where}: {error} in {expression}")
        return
    for name in metrics_in(tree):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        if name not in known and base not in known:
            faults.append(f"{where}: nobody exports {name}")


def metrics_in(node):
    """The names of all vector selectors below a node of the syntax tree."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name or "a metric without a name"
        return
    for field in ("expr", "lhs", "rhs", "vector_selector", "args", "param"):
        child = getattr(node, field, None)
        for each in child if isinstance(child, list) else [child]:
            if isinstance(each, promql_parser.Expr):
                yield from metrics_in(each)


def check_dashboard(path, known, sources):
    board = json.loads(path.read_text())
    where = path.name
    for field in ("uid", "title", "schemaVersion"):
        if not board.get(field):
            faults.append(f"{where}: has no {field}")
    for variable in board.get("templating", {}).get("list", []):
        inner = re.fullmatch(r"label_values\((.+), \w+\)", variable["definition"])
        if "$" + variable["name"] not in VARIABLES or not inner:
            faults.append(f"{where}: variable {variable['name']} is not known here")
        else:
            check_expression(f"{where}: variable {variable['name']}", inner.group(1), known)

    ids, taken = set(), {}
    for panel in board["panels"]:
        title = f"{where}: {panel['title']!r}"
        if panel["id"] in ids:
            faults.append(f"{title}: id {panel['id']} is used twice")
        ids.add(panel["id"])
        grid = panel["gridPos"]
        if grid["x"] + grid["w"] > 24:
            faults.append(f"{title}: reaches beyond the 24 columns")
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                if (x, y) in taken:
                    faults.append(f"{title}: overlaps {taken[x, y]!r}")
                    break
                taken[x, y] = panel["title"]
            else:
                continue
            break
        if panel["type"] == "row":
            continue
        if not panel.get("targets"):
            faults.append(f"{title}: has no query")
        for target in panel.get("targets", []):
            if target["datasource"]["uid"] not in sources:
                faults.append(f"{title}: data source {target['datasource']['uid']} is not provisioned")
            check_expression(title, target["expr"], known)


def main():
    root = pathlib.Path(sys.argv[1])
    deploy = root / "deploy"
    rules = yaml.safe_load((deploy / "prometheus/rules.yml").read_text())
    rules = [rule for group in rules["groups"] for rule in group["rules"]]
    tests = yaml.safe_load((deploy / "prometheus/rules_test.yml").read_text())["tests"]
    tested = {
        case["alertname"]
        for test in tests
        for case in test.get("alert_rule_test", [])
        if case["exp_alerts"]
    }
    known = metrics_of_code(root) | FOREIGN | {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        name = rule.get("alert") or rule["record"]
        check_expression(f"rules.yml: {name}", rule["expr"], known)
        if "alert" in rule and name not in tested:
            faults.append(f"rules.yml: no test makes {name} fire")

    provisioned = yaml.safe_load((deploy / "grafana/provisioning/datasources/datasources.yml").read_text())
    sources = {source["uid"] for source in provisioned["datasources"]}
    boards = sorted((deploy / "grafana/dashboards").glob("*.json"))
    if not boards:
        faults.append("there is no dashboard")
    for path in boards:
        check_dashboard(path, known, sources)

    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
