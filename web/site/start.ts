/** The start page: shows the demo workspace's login when there is one, and how to use it. */

interface DemoConfig {
  key: string;
  agent_name: string;
  login: { email: string; password: string };
}

function fill(id: string, text: string): void {
  const element = document.getElementById(id);
  if (element) element.textContent = text;
}

function show(id: string): void {
  document.getElementById(id)?.removeAttribute("hidden");
}

/** For a shell: single quotes keep everything but single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function start(): Promise<void> {
  const { origin } = location;
  const response = await fetch("/demo/config.json");
  if (!response.ok) {
    show("unseeded");
    return;
  }
  const { key, login } = (await response.json()) as DemoConfig;
  fill("email", login.email);
  fill("password", login.password);
  fill(
    "commands",
    `token=$(curl -s ${origin}/api/v1/auth/login -H 'content-type: application/json' \\
  -d ${quoted(JSON.stringify(login))} | jq -r .access_token)
curl -s ${origin}/api/v1/contacts -H "authorization: Bearer $token"
curl -s ${origin}/api/v1/reports/conversations -H "authorization: Bearer $token"`,
  );
  fill("snippet", `<script async src="${origin}/widget.js" data-key="${key}"></script>`);
  show("login");
}

start().catch(() => show("unseeded"));

export {};
