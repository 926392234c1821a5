/** The answers of the API, as far as these pages read them. openapi/auth.json has all of them. */

export interface Me {
  id: string;
  email: string;
  email_verified: boolean;
  name: string;
  workspace: { id: string; name: string };
  role: string;
  permissions: string[];
  second_factor_demanded: boolean;
}

export interface WorkspaceSettings {
  require_second_factor: boolean;
}

export interface Session {
  id: string;
  current: boolean;
  user_agent: string | null;
  address: string | null;
  methods: string[];
  created_at: string;
  last_used_at: string;
}

export interface Factors {
  totp_since: string | null;
  recovery_codes_left: number;
}

export interface Identity {
  issuer_id: string;
  name: string;
  workspace_name: string;
  last_used_at: string;
}

export interface TotpSetup {
  setup_id: string;
  secret: string;
  otpauth_url: string;
}

export interface RecoveryCodes {
  recovery_codes: string[];
}

export interface Passkey {
  id: string;
  name: string;
  created_at: string;
  last_used_at: string | null;
}

export interface LoginOptions {
  issuers: { id: string; name: string }[];
}

export interface InviteDetails {
  workspace_name: string;
  email: string;
  role: string;
  role_name: string | null;
  account: "none" | "exists";
}

export interface Member {
  user_id: string;
  name: string;
  email: string;
  email_verified: boolean;
  second_factor: boolean;
  role: string;
  role_id: string | null;
  joined_at: string;
}

export interface Invite {
  id: string;
  email: string;
  role: string;
  role_id: string | null;
  sent_at: string;
  expires_at: string;
}

export interface CustomRole {
  id: string;
  name: string;
}

export interface MyWorkspace {
  id: string;
  name: string;
}
