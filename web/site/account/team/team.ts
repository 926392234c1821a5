/** What the team page knows: who asks, and the roles that there are. */

import type { Field } from "../forms.ts";
import type { CustomRole, Me } from "../shapes.ts";
import { BUILT_IN, roleName } from "../text.ts";

/** A role as the API takes it. */
export interface Assignment {
  role: string;
  role_id?: string;
}

/** Marks one of the workspace's own roles among the values of a choice. */
const OWN = "own:";

/** The member of the body that the choice of a role sends, too. */
export const ALIASES = { role_id: "role" };

export class Team {
  readonly #own: Map<string, string>;

  constructor(
    readonly me: Me,
    roles: CustomRole[],
  ) {
    this.#own = new Map(roles.map(({ id, name }) => [id, name]));
  }

  /** Whether whoever asks may change the team. */
  get mayChange(): boolean {
    return this.me.permissions.includes("members:write");
  }

  roleName(role: string, id: string | null): string {
    return roleName(role, id, this.#own);
  }

  /** The roles that may be given, by value. Only owners make owners; the API refuses what goes too far. */
  get choices(): [string, string][] {
    const builtIn = BUILT_IN.filter((role) => role !== "owner" || this.me.role === "owner");
    return [
      ...builtIn.map((role): [string, string] => [role, this.roleName(role, null)]),
      ...[...this.#own].map(([id, name]): [string, string] => [OWN + id, name]),
    ];
  }

  /** The field in which a role is chosen. */
  roleField(role: string, id: string | null): Field {
    const value = id === null ? role : OWN + id;
    return { name: "role", label: "Role", choices: this.choices, value };
  }
}

/** What a choice of a role means. */
export function assignment(chosen: string | undefined): Assignment {
  const value = chosen ?? "";
  if (!value.startsWith(OWN)) return { role: value };
  return { role: "custom", role_id: value.slice(OWN.length) };
}
