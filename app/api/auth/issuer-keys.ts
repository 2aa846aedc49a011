import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import { isSecureUrl } from '../../kernel/secure-url.ts';
import type { ApiLogger } from '../http/http-dependencies.ts';

/** Where the keys are: at a URL, or where the issuer's discovery document points (OpenID Connect Discovery 1.0). */
export type KeySource = { jwksUrl: string } | { issuer: string };

export interface KeyTiming {
  /** Keys are fetched again in the background after this time, so that a withdrawn key stops working. */
  refreshAfterMs: number;
  /** How long known keys are used while the issuer does not answer. Tokens expire long before that. */
  staleMaxMs: number;
  /** An unknown key id triggers a fetch, but not within this time after the last fetch: anyone can invent key ids. */
  cooldownMs: number;
  /** After a failure, no fetch is attempted for this long: requests must not queue up behind a server that hangs. */
  failureCooldownMs: number;
  /** Maximum duration of a fetch, including discovery. */
  timeoutMs: number;
}

const TIMING: KeyTiming = {
  refreshAfterMs: 10 * 60_000,
  staleMaxMs: 24 * 3_600_000,
  cooldownMs: 30_000,
  failureCooldownMs: 5_000,
  timeoutMs: 3_000,
};
const RESPONSE_BYTES_MAX = 256 * 1024;

/** Errors that concern the token, not the issuer. */
const ABOUT_THE_TOKEN = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

/**
 * The public keys of an issuer, fetched at startup and cached. Known keys remain in use while the issuer is
 * unavailable. A token whose key cannot be looked up is answered with `issuer_unavailable`, because it may well be
 * valid.
 */
export class IssuerKeys {
  readonly #source: KeySource;
  readonly #clock: Clock;
  readonly #logger: ApiLogger;
  readonly #timing: KeyTiming;
  readonly #remote: ReturnType<typeof createRemoteJWKSet>;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #failedAtMs = Number.NEGATIVE_INFINITY;

  constructor(source: KeySource, clock: Clock, logger: ApiLogger, timing: KeyTiming = TIMING) {
    this.#source = source;
    this.#clock = clock;
    this.#logger = logger;
    this.#timing = timing;
    this.#remote = createRemoteJWKSet(new URL('jwksUrl' in source ? source.jwksUrl : discoveryUrl(source.issuer)), {
      timeoutDuration: timing.timeoutMs,
      cooldownDuration: timing.cooldownMs,
      // This class decides when to fetch again, so that requests do not wait for it.
      cacheMaxAge: Number.POSITIVE_INFINITY,
      [customFetch]: (url, options) => this.#fetch(url, options),
    });
  }

  /** Looks up the key of a token, for jose. @throws Problem issuer_unavailable */
  readonly keyOf: JWTVerifyGetKey = async (header, token) => {
    const now = this.#clock.monotonic();
    try {
      if (now - this.#fetchedAtMs > this.#timing.staleMaxMs) await this.#remote.reload();
      else if (now - this.#triedAtMs > this.#timing.refreshAfterMs) this.warm();
      return await this.#remote(header, token);
    } catch (error) {
      if (ABOUT_THE_TOKEN.some((type) => error instanceof type)) throw error;
      throw new Problem('issuer_unavailable', 'The public keys of the issuer cannot be fetched.', {}, { cause: error });
    }
  };

  /** Fetches the keys now, in the background. */
  warm(): void {
    this.#triedAtMs = this.#clock.monotonic();
    this.#remote.reload().catch(() => {});
  }

  async #fetch(url: string, options: RequestInit): Promise<Response> {
    const { failureCooldownMs } = this.#timing;
    if (this.#clock.monotonic() - this.#failedAtMs < failureCooldownMs)
      throw new Error('the last fetch failed a moment ago');
    this.#triedAtMs = this.#clock.monotonic();
    try {
      const keys = await this.#keySet(url, options);
      this.#fetchedAtMs = this.#clock.monotonic();
      return Response.json(keys);
    } catch (error) {
      this.#failedAtMs = this.#clock.monotonic();
      this.#logger.warn({ err: error }, 'failed to fetch the keys of the JWT issuer');
      throw error;
    }
  }

  async #keySet(url: string, options: RequestInit): Promise<object> {
    let jwksUrl = url;
    if ('issuer' in this.#source) {
      const { issuer, jwks_uri } = await fetchJson(url, options);
      if (issuer !== this.#source.issuer) throw new Error('the discovery document belongs to another issuer');
      if (typeof jwks_uri !== 'string' || !isSecureUrl(jwks_uri)) {
        throw new Error('the discovery document has no https jwks_uri');
      }
      jwksUrl = jwks_uri;
    }
    const keySet = await fetchJson(jwksUrl, options);
    if (!Array.isArray(keySet['keys'])) throw new Error('the answer is not a JSON Web Key Set');
    return keySet;
  }
}

function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

/** Fetches a JSON object of bounded length. Redirects are not followed, because they could lead anywhere. */
async function fetchJson(url: string, options: RequestInit): Promise<Record<string, unknown>> {
  const response = await fetch(url, options);
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the issuer answered ${response.status}`);
  }
  const parsed: unknown = JSON.parse(await boundedText(response));
  if (typeof parsed !== 'object' || parsed === null) throw new Error('the answer is not a JSON object');
  return parsed as Record<string, unknown>;
}

async function boundedText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop ends the connection.
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > RESPONSE_BYTES_MAX) throw new Error(`the answer is longer than ${RESPONSE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
