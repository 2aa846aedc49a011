import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Clock } from '../clock.ts';
import { Problem } from '../errors.ts';
import { type Identity, JWT_USER_PREFIX, type JwtVerifier, SCOPES, type Scope } from '../identity.ts';

export interface JwtSettings {
  /** Where the issuer's public keys come from: `IssuerKeys`, or jose's `createLocalJWKSet`. */
  keys: JWTVerifyGetKey;
  issuer: string;
  audience: string;
}

/** Only signatures by a private key: with a shared secret, whoever checks tokens could also make them. */
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

/** The columns for users hold it with the prefix. */
const SUBJECT_LENGTH_MAX = 255;
/** What could not be seen in an audit trail, or would turn the text around it: controls, formats, halves of pairs, private use. */
const NOT_PRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

/**
 * Takes JWT access tokens (RFC 9068): `sub` is the user, `scope` or `scp` its scopes, as a list or with spaces between them. A
 * token without an expiry is refused, as nobody could take it back.
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
        // What is no error about the token, such as keys that cannot be fetched, is no 401.
        if (error instanceof errors.JOSEError) throw refused(reasonOf(error));
        throw error;
      }
      return identityOf(payload);
    },
  };
}

function identityOf({ sub, scope, scp }: JWTPayload): Identity {
  if (typeof sub !== 'string' || sub === '' || sub.length > SUBJECT_LENGTH_MAX) {
    throw refused(`"sub" must be a string of 1 to ${SUBJECT_LENGTH_MAX} characters`);
  }
  if (NOT_PRINTABLE.test(sub) || sub.trim() !== sub) throw refused('"sub" must be printable');
  const granted = [...scopesIn(scope), ...scopesIn(scp)];
  return {
    user: `${JWT_USER_PREFIX}${sub}`,
    scopes: new Set<Scope>(SCOPES.filter((known) => granted.includes(known))),
  };
}

/** Scopes as RFC 8693 and Entra ID write them, with spaces between them, or as Okta does, in a list. */
function scopesIn(claim: unknown): readonly unknown[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim : [];
}

/** jose's code and the claim that it is about. Not its message: that can hold a part of the token. */
function reasonOf(error: errors.JOSEError): string {
  const hasClaim = error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired;
  return hasClaim ? `${error.code}: ${error.claim}` : error.code;
}

function refused(reason: string): Problem {
  return new Problem('unauthenticated', 'The token is not valid.', { logged: reason });
}
