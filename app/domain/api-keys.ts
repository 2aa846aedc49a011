import { randomBytes } from 'node:crypto';
import { type Identity, JWT_USER_PREFIX, mayUse, SCOPES, type Scope } from './identity.ts';

/** What a key may do. */
export interface KeyRights {
  readonly scopes: readonly Scope[];
  /** Its holder may use only accounts whose ids begin with one of these; null for all accounts. */
  readonly accountPrefixes: readonly string[] | null;
}

/** A key to create. Times in ms since 1970. */
export interface WantedKey extends KeyRights {
  readonly keyId: string;
  /** Recorded in every posting that is made with the key. */
  readonly user: string;
  readonly name: string | null;
  readonly expiresAt: number | null;
}

/** A key as shown to operators: everything but its secret, which only its holder has. */
export interface ApiKey extends WantedKey {
  readonly status: 'ACTIVE' | 'EXPIRED' | 'REVOKED';
  readonly createdAt: number;
  /** Null for a key that was inserted into MySQL directly. */
  readonly createdBy: string | null;
  /** The key that this one replaces. */
  readonly replaces: string | null;
  readonly revokedAt: number | null;
  /** Recorded with a delay of several minutes; null if the key was never used. */
  readonly lastUsedAt: number | null;
}

/** A key that a deployment provides, with the hash of its secret. */
export interface SeededKey {
  readonly hash: string;
  readonly wanted: WantedKey;
}

/** A key, and its secret if it has just been created. */
export interface IssuedKey {
  readonly key: ApiKey;
  /** Null if the request was repeated: a secret is returned only once. */
  readonly secret: string | null;
}

export const KEY_ACTIONS = ['CREATED', 'ROTATED', 'REVOKED', 'SEEDED', 'REFUSED'] as const;
export type KeyAction = (typeof KEY_ACTIONS)[number];

/** One entry of the key log. */
export interface KeyLogEntry {
  readonly seq: number;
  readonly at: number;
  readonly action: KeyAction;
  /** The key that was created, rotated or revoked. */
  readonly keyId: string;
  readonly by: string;
  /** The key with which the request was made; null for a JWT, and for the deployment itself. */
  readonly byKeyId: string | null;
  readonly correlationId: string | null;
  readonly content: Readonly<Record<string, unknown>>;
}

/** Who makes a request, and under which correlation id. */
export interface KeyRequest {
  readonly identity: Identity;
  readonly correlationId: string;
}

/**
 * The management of API keys. Every change, and every refusal for a lack of rights, is recorded with the user who
 * requested it. All methods throw Problem database_unavailable while MySQL is unavailable; a change may then have been
 * made.
 */
export interface KeyManagement {
  /** Creating a key again under its id returns it without its secret. @throws Problem forbidden, key_id_reused */
  create(wanted: WantedKey, request: KeyRequest): Promise<IssuedKey>;
  /**
   * Creates a key with the rights of an existing one. The existing key expires after the overlap.
   * @throws Problem key_not_found, key_not_active, forbidden, key_id_reused
   */
  rotate(rotation: Rotation, request: KeyRequest): Promise<IssuedKey>;
  /** Revoking a key again changes nothing. @throws Problem key_not_found, last_ops_key */
  revoke(keyId: string, reason: string | null, request: KeyRequest): Promise<ApiKey>;
  /** @throws Problem key_not_found */
  key(keyId: string): Promise<ApiKey>;
  /** The keys after an id, in the order of their ids. */
  keys(afterKeyId: string, limit: number): Promise<ApiKey[]>;
  /** The entries before a seq, newest first. */
  log(beforeSeq: number, limit: number): Promise<KeyLogEntry[]>;
}

export interface Rotation {
  /** The key that is replaced. */
  readonly keyId: string;
  readonly newKeyId: string;
  readonly expiresAt: number | null;
  /** How long both keys are valid, s. */
  readonly overlapS: number;
}

/**
 * Why a caller may not grant these rights; null if it may. Nobody can create a key with more rights than its creator
 * has.
 */
export function exceededRights(identity: Identity, { scopes, accountPrefixes }: KeyRights): string | null {
  // Operators manage all webhooks, and no key of an earlier release has the scope for them.
  const has = (one: Scope) => identity.scopes.has(one) || (one === 'webhooks:write' && identity.scopes.has('ops'));
  const scope = scopes.find((one) => !has(one));
  if (scope !== undefined) return `These credentials lack the scope ${scope}, so they cannot grant it to a key.`;
  if (identity.accountPrefixes === undefined) return null;
  const isWithin = accountPrefixes?.every((prefix) => mayUse(identity, prefix)) ?? false;
  return isWithin ? null : 'These credentials are restricted to accounts that do not include all those of the key.';
}

/**
 * Operators' reports contain all accounts, so a key that is restricted to some accounts cannot have the scope `ops`.
 */
export const isContradictory = ({ scopes, accountPrefixes }: KeyRights): boolean =>
  accountPrefixes !== null && scopes.includes('ops');

/** User names that only the service itself assigns. */
export const isReservedUser = (user: string): boolean => user.toLowerCase().startsWith(JWT_USER_PREFIX);

/** Recognizable, so that secret scanners can find leaked keys. */
const SECRET_PREFIX = 'hfk_';
const SECRET_BYTES = 32;
export const newKeySecret = (): string => SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64url');

/** In the order of `SCOPES`, each once. */
export const sortedScopes = (scopes: Iterable<string>): Scope[] => {
  const given = new Set(scopes);
  return SCOPES.filter((scope) => given.has(scope));
};
