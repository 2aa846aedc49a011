import { ANONYMOUS, type Identity, type JwtVerifier, type KeyStore } from '../../../domain/identity.ts';
import { Problem } from '../../../domain/problem.ts';
import type { ApiMiddleware } from '../http-context.ts';
import type { Route } from '../route.ts';

/** Any visible characters: the key store decides what a key looks like. The scheme is case-insensitive (RFC 9110). */
const BEARER = /^Bearer +([!-~]{1,8192})$/i;
/** Three parts, the first of which begins with `{"` in base64url. */
const JWT = /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/;

/** Identifies the caller and checks whether it may use the route. */
export function authenticate(keys: KeyStore, jwt: JwtVerifier | undefined): ApiMiddleware {
  return async (ctx, next) => {
    const { route } = ctx.state;
    if (route.scopes.length === 0) {
      ctx.state.identity = ANONYMOUS;
      return next();
    }
    const token = bearerToken(ctx.req.headers.authorization);
    const identity = await (jwt && JWT.test(token) ? jwt.verify(token) : keys.identify(token));
    if (identity === null) throw new Problem('unauthenticated', 'The key or token is not valid.');
    if (!mayCall(identity, route)) {
      throw new Problem('forbidden', `This requires the scope ${route.scopes.join(' or ')}.`);
    }
    ctx.state.identity = identity;
    return next();
  };
}

function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined) throw new Problem('unauthenticated', 'Send Authorization: Bearer <key>.');
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) throw new Problem('unauthenticated', 'The Authorization header must be Bearer <key>.');
  return token;
}

function mayCall(identity: Identity, route: Route): boolean {
  for (const scope of route.scopes) if (identity.scopes.has(scope)) return true;
  return false;
}
