/**
 * Standard Webhooks signatures (https://www.standardwebhooks.com): the HMAC-SHA-256 of `<id>.<timestamp>.<body>` in
 * base64, preceded by the version `v1`. While a secret is being replaced, a request has several.
 */

const TOLERANCE_MS = 5 * 60_000;
const SECRET_PREFIX = 'whsec_';
const VERSION = 'v1';
/** A sender needs two while a secret is being replaced; there is a limit because each costs a comparison. */
const SIGNATURES_MAX = 10;
const SECONDS = /^\d{1,12}$/;

export interface Webhook {
  /** The secret (`whsec_…`), or several while it is being replaced, one of which must match. */
  readonly secret: string | readonly string[];
  /** The headers of the request, with names in any case. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The body exactly as received: a body that was parsed and serialized again has a different signature. */
  readonly body: string | Uint8Array;
  /** How old a request may be, ms; 5 minutes by default. It limits how long a copied request can be replayed. */
  readonly toleranceMs?: number;
  /** Milliseconds since 1970; the current time by default. */
  readonly now?: number;
}

/** The request is not from the service, has been changed in transit, or is too old. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
}

/**
 * Returns the content of a webhook if its signature and its time are valid. Deliveries are repeated until they succeed,
 *   so the same event can arrive more than once. Use its `id` to recognize duplicates.
 * @throws WebhookError otherwise
 */
export async function verifyWebhook(webhook: Webhook): Promise<unknown> {
  const { secret, body, toleranceMs = TOLERANCE_MS, now = Date.now() } = webhook;
  const id = headerOf(webhook.headers, 'webhook-id');
  const timestamp = headerOf(webhook.headers, 'webhook-timestamp');
  const signatures = headerOf(webhook.headers, 'webhook-signature').split(' ');
  if (!SECONDS.test(timestamp)) throw new WebhookError('The header webhook-timestamp is not a number of seconds.');
  if (Math.abs(now - Number(timestamp) * 1000) > toleranceMs)
    throw new WebhookError('The webhook is too old, or from the future.');
  if (signatures.length > SIGNATURES_MAX) throw new WebhookError('The webhook has too many signatures.');
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), bytes);
  const secrets = typeof secret === 'string' ? [secret] : secret;
  for (const one of secrets) {
    const key = await keyOf(one);
    for (const signature of signatures) {
      const mac = macIn(signature);
      // `verify` takes the same time wherever the signatures differ.
      if (mac && (await crypto.subtle.verify('HMAC', key, mac, signed)))
        return JSON.parse(new TextDecoder().decode(bytes));
    }
  }
  throw new WebhookError('The webhook has no valid signature.');
}

function headerOf(headers: Webhook['headers'], name: string): string {
  const value =
    headers instanceof Headers
      ? headers.get(name)
      : Object.entries(headers).find(([given]) => given.toLowerCase() === name)?.[1];
  if (typeof value !== 'string' || value === '') throw new WebhookError(`The webhook has no header ${name}.`);
  return value;
}

async function keyOf(secret: string) {
  const text = secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret;
  const bytes = bytesIn(text);
  if (!bytes || bytes.length === 0) throw new TypeError('The secret must be base64, with or without whsec_ before it.');
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

function macIn(signature: string): Uint8Array<ArrayBuffer> | null {
  const [version, text = ''] = signature.split(',');
  return version === VERSION ? bytesIn(text) : null;
}

function bytesIn(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
