/** What a caller may do. A route names the scopes that open it; one of them is enough. */
export const SCOPES = ['balances:read', 'accounts:write', 'transfers:write', 'ops'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who calls. `user` goes into every posting that the call makes. */
export interface Identity {
  readonly user: string;
  readonly scopes: ReadonlySet<Scope>;
}

/**
 * What the user of every JWT begins with, and that of no API key: whose name an issuer gives out must not be taken for one that an
 * operator has given, nor the other way around.
 */
export const JWT_USER_PREFIX = 'jwt:';

export const ANONYMOUS: Identity = { user: 'anonymous', scopes: new Set() };

/** Where API keys are known. Asked for every request, so it has to answer from memory nearly always. */
export interface KeyStore {
  /** The key's holder, or null for a key that is unknown, revoked or expired. @throws Problem database_unavailable */
  identify(presentedKey: string): Promise<Identity | null>;
}

/** Checks JWTs, where a deployment takes them. */
export interface JwtVerifier {
  /**
   * The token's holder.
   * @throws Problem unauthenticated when signature, time, issuer or audience do not hold, issuer_unavailable
   */
  verify(token: string): Promise<Identity>;
}
