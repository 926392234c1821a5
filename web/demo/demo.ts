/**
 * The demo shop's one script: it asks the gateway which key the demo workspace has and embeds the
 * widget with it, as a shop would by hand. Without a seeded workspace it says how to get one.
 */

interface DemoConfig {
  key: string;
  agent_name: string;
}

const seed = document.getElementById("seed");
const examples = document.getElementById("try");

function tell(text: string): void {
  if (!seed) return;
  seed.textContent = text;
  seed.hidden = false;
}

async function embed(): Promise<void> {
  const response = await fetch("/demo/config.json");
  if (response.status === 404) {
    tell(
      "The chat is not here yet, because the demo workspace has not been set up. `cargo xtask up` does it; then reload this page.",
    );
    return;
  }
  if (!response.ok) throw new Error(`config.json answered ${response.status}`);
  const config = (await response.json()) as DemoConfig;
  const script = document.createElement("script");
  script.async = true;
  script.src = "/widget.js";
  script.dataset.key = config.key;
  document.head.append(script);
  if (examples) examples.hidden = false;
}

embed().catch(() => tell("The chat could not be loaded. Is the gateway running?"));

export {};
