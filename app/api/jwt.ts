import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Clock } from '../clock.ts';
import { type Identity, type JwtVerifier, SCOPES, type Scope } from '../identity.ts';
import { ID_PATTERN } from '../ids.ts';

export interface JwtSettings {
  /** Where the issuer's public keys come from: jose's `createRemoteJWKSet` or `createLocalJWKSet`. */
  keys: JWTVerifyGetKey;
  issuer: string;
  audience: string;
}

/** Only signatures by a private key: with a shared secret, whoever checks tokens could also make them. */
const ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'RS256', 'PS256'];
const CLOCK_TOLERANCE_SECONDS = 5;

/**
 * Takes JWT access tokens (RFC 9068): `sub` is the user, `scope` its scopes with spaces between them. A token without
 * an expiry is refused, as nobody could take it back.
 */
export function jwtVerifier({ keys, issuer, audience }: JwtSettings, clock: Clock): JwtVerifier {
  return {
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, keys, {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          requiredClaims: ['sub', 'exp'],
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          currentDate: new Date(clock.now()),
        });
        return identityOf(payload);
      } catch (error) {
        // A key set that cannot be fetched says nothing about the token: that is an error, and no 401.
        if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) return null;
        throw error;
      }
    },
  };
}

function identityOf({ sub, scope }: JWTPayload): Identity | null {
  if (typeof sub !== 'string' || !ID_PATTERN.test(sub)) return null;
  const granted = typeof scope === 'string' ? scope.split(' ') : [];
  return { user: sub, scopes: new Set<Scope>(SCOPES.filter((known) => granted.includes(known))) };
}
