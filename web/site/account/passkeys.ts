/** Passkeys, as the browser makes and uses them (WebAuthn Level 3 §5.1). The API speaks the same JSON. */

import { call } from "./api.ts";
import { Problem } from "./problem.ts";
import type { Passkey } from "./shapes.ts";

interface Challenge<Options> {
  challenge_id: string;
  options: Options;
}

/** Whether this browser can, and reads the API's JSON by itself. */
export function possible(): boolean {
  return (
    typeof PublicKeyCredential === "function" &&
    "parseCreationOptionsFromJSON" in PublicKeyCredential &&
    "parseRequestOptionsFromJSON" in PublicKeyCredential
  );
}

/** Makes a passkey on this device and adds it to the account. */
export async function addPasskey(name: string, password: string | undefined): Promise<void> {
  const { challenge_id, options } = await call<Challenge<PublicKeyCredentialCreationOptionsJSON>>(
    "POST",
    "/auth/passkeys/options",
    { password },
  );
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const credential = await prompted(() => navigator.credentials.create({ publicKey }));
  await call<Passkey>("POST", "/auth/passkeys", { challenge_id, name, credential });
}

/** Signs in by a passkey that this device has. */
export async function signInByPasskey(): Promise<void> {
  const { challenge_id, options } = await call<Challenge<PublicKeyCredentialRequestOptionsJSON>>(
    "POST",
    "/auth/passkeys/login/options",
  );
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await prompted(() => navigator.credentials.get({ publicKey }));
  await call("POST", "/auth/passkeys/login", { challenge_id, credential });
}

/** What the browser answers, as JSON. It tells little of why it answers nothing, to keep people private. */
async function prompted(prompt: () => Promise<Credential | null>): Promise<unknown> {
  try {
    const credential = await prompt();
    if (credential instanceof PublicKeyCredential) return credential.toJSON();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (error.name === "InvalidStateError") {
      throw refused("this device has a passkey for your account already");
    }
  }
  throw refused("no passkey was used: the browser has none, or you turned back");
}

function refused(detail: string): Problem {
  return new Problem({ code: "passkey", title: "No passkey was used", detail });
}
