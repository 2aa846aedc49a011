import { Problem } from './problem.ts';

/** What a caller may do. A route lists the scopes that grant access to it; one of them is enough. */
export const SCOPES = ['balances:read', 'accounts:write', 'transfers:write', 'webhooks:write', 'ops'] as const;
export type Scope = (typeof SCOPES)[number];

/** The caller. `user` is recorded in every posting that the call makes. */
export interface Identity {
  readonly user: string;
  readonly scopes: ReadonlySet<Scope>;
  /** The caller may use only accounts whose ids begin with one of these; absent if it may use all of them. */
  readonly accountPrefixes?: readonly string[];
  /** The id of its API key; absent for a JWT, and for a key that has no id yet. */
  readonly keyId?: string;
  /** When the credentials expire, ms since 1970; absent if that is not known in advance. */
  readonly expiresAt?: number;
}

export function mayUse({ accountPrefixes }: Pick<Identity, 'accountPrefixes'>, accountId: string): boolean {
  return accountPrefixes === undefined || accountPrefixes.some((prefix) => accountId.startsWith(prefix));
}

/** Whether the caller may manage what belongs to other users. */
export const isOperator = ({ scopes, accountPrefixes }: Identity): boolean =>
  scopes.has('ops') && accountPrefixes === undefined;

/** @throws Problem forbidden for the first account that the caller may not use */
export function requireAccounts(identity: Identity, accountIds: Iterable<string>): void {
  if (identity.accountPrefixes === undefined) return;
  for (const accountId of accountIds)
    if (!mayUse(identity, accountId))
      throw new Problem('forbidden', `These credentials may not use the account ${accountId}.`);
}

/**
 * Prefix of the user name of every JWT, and of no API key: a name chosen by an issuer must not be mistaken for one
 * assigned by an operator, or vice versa.
 */
export const JWT_USER_PREFIX = 'jwt:';

export const ANONYMOUS: Identity = { user: 'anonymous', scopes: new Set() };

/** Looks up API keys. Called for every request, so it must nearly always answer from memory. */
export interface KeyStore {
  /** The key's holder, or null for a key that is unknown, revoked or expired. @throws Problem database_unavailable */
  identify(presentedKey: string): Promise<Identity | null>;
}

/** Verifies JWTs, if the deployment accepts them. */
export interface JwtVerifier {
  /**
   * The token's holder.
   * @throws Problem unauthenticated if the signature, lifetime, issuer or audience is invalid; issuer_unavailable
   */
  verify(token: string): Promise<Identity>;
}
