import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { type Identity, JWT_USER_PREFIX, type JwtVerifier, SCOPES, type Scope } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';

export interface JwtSettings {
  /** Where the issuer's public keys come from: `IssuerKeys`, or jose's `createLocalJWKSet`. */
  keys: JWTVerifyGetKey;
  issuer: string;
  audience: string;
}

/** Only signatures by a private key: with a shared secret, anyone who can verify tokens could also create them. */
const ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
];
const CLOCK_TOLERANCE_SECONDS = 5;

/** A subject of this length, with its prefix, fits into the columns for users. */
const SUBJECT_LENGTH_MAX = 255;
/**
 * Characters that are invisible in an audit trail or can reorder the text around them: control and format characters,
 * unpaired surrogates, private-use characters.
 */
const NOT_PRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

/**
 * Accepts JWT access tokens (RFC 9068): `sub` is the user; `scope` or `scp` has its scopes, as an array or separated by
 * spaces. A token without an expiry is rejected, because it could not be revoked.
 */
export function jwtVerifier({ keys, issuer, audience }: JwtSettings, clock: Clock): JwtVerifier {
  return {
    async verify(token) {
      let payload: JWTPayload;
      try {
        ({ payload } = await jwtVerify(token, keys, {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          requiredClaims: ['sub', 'exp'],
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          currentDate: new Date(clock.now()),
        }));
      } catch (error) {
        // An error that does not concern the token, such as a failure to fetch the keys, does not cause a 401.
        if (error instanceof errors.JOSEError) throw refused(reasonOf(error));
        throw error;
      }
      return identityOf(payload);
    },
  };
}

function identityOf({ sub, scope, scp, exp }: JWTPayload): Identity {
  if (typeof sub !== 'string' || sub === '' || sub.length > SUBJECT_LENGTH_MAX) {
    throw refused(`"sub" must be a string of 1 to ${SUBJECT_LENGTH_MAX} characters`);
  }
  if (NOT_PRINTABLE.test(sub) || sub.trim() !== sub) throw refused('"sub" must be printable');
  const granted = [...scopesIn(scope), ...scopesIn(scp)];
  return {
    user: `${JWT_USER_PREFIX}${sub}`,
    scopes: new Set<Scope>(SCOPES.filter((known) => granted.includes(known))),
    ...(exp !== undefined && { expiresAt: (exp + CLOCK_TOLERANCE_SECONDS) * 1000 }),
  };
}

/** Scopes separated by spaces, as in RFC 8693 and Entra ID, or in an array, as in Okta. */
function scopesIn(claim: unknown): readonly unknown[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim : [];
}

/**
 * The code of jose's error, and the affected claim. The message is omitted because it can contain a part of the token.
 */
function reasonOf(error: errors.JOSEError): string {
  const hasClaim = error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired;
  return hasClaim ? `${error.code}: ${error.claim}` : error.code;
}

function refused(reason: string): Problem {
  return new Problem('unauthenticated', 'The token is not valid.', { logged: reason });
}
