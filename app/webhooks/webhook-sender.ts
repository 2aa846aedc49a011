import { Resolver } from 'node:dns';
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Clock } from '../kernel/clock.ts';
import type { OutgoingAddresses } from '../kernel/outgoing-addresses.ts';
import type { DeliveryFailure } from '../ledger/ports/webhooks.ts';

export interface SendResult {
  status: number | null;
  failure: DeliveryFailure | null;
  durationMs: number;
  /** How long the receiver has asked the sender to wait, ms. */
  retryAfterMs: number | null;
}

export interface Message {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

interface SenderDependencies {
  addresses: OutgoingAddresses;
  clock: Clock;
  /** Maximum time from the look-up to the end of the response. */
  timeoutMs: number;
  /** In tests: replaces the look-up of names. */
  resolve?: (host: string) => Promise<string[]>;
}

/** The rest of a longer response is not read, because its content is not used. */
const RESPONSE_BYTES_MAX = 64 * 1024;
/** How long the rest of a response may take after its status is known. */
const BODY_MS_MAX = 1_000;
/** Idle connections are closed after this time, before most receivers close them. */
const IDLE_MS = 4_000;
const IDLE_SOCKETS_MAX = 64;
const RESOLVER = { timeout: 2_000, tries: 2 };

/** The look-up found an address that must not be used. */
class AddressNotAllowed extends Error {}
class NameNotResolved extends Error {}
class TooSlow extends Error {}
class Stopped extends Error {}

/**
 * Sends requests to URLs that users have chosen. The addresses are checked in the look-up of each connection, so that a
 * name cannot lead to one address when it is checked and to another one when it is used. Redirects are not followed,
 * and no proxy is used.
 */
export class WebhookSender implements Disposable {
  readonly #deps: SenderDependencies;
  readonly #lookup: LookupFunction;
  readonly #agents;

  constructor(deps: SenderDependencies) {
    const keeping = {
      keepAlive: true,
      timeout: IDLE_MS,
      maxFreeSockets: IDLE_SOCKETS_MAX,
      scheduling: 'lifo',
    } as const;
    this.#deps = deps;
    this.#lookup = lookupOf(deps.addresses, deps.resolve ?? resolver());
    this.#agents = { http: new HttpAgent(keeping), https: new HttpsAgent({ ...keeping, rejectUnauthorized: true }) };
  }

  /** Never throws. @param stopped aborts the request; it then counts as `connection_lost` */
  async send(message: Message, stopped: AbortSignal): Promise<SendResult> {
    const startedAt = this.#deps.clock.monotonic();
    const ended = (rest: Partial<SendResult>): SendResult => ({
      status: null,
      failure: null,
      retryAfterMs: null,
      ...rest,
      durationMs: this.#deps.clock.monotonic() - startedAt,
    });
    // The URL is checked again, because the settings may have changed since the webhook was created. The check at the
    // DNS lookup is not enough: a URL with an IP address needs no lookup.
    if (this.#deps.addresses.faultOf(message.url) !== null) return ended({ failure: 'address_not_allowed' });
    if (stopped.aborted) return ended({ failure: 'connection_lost' });
    try {
      return ended(await this.#exchange(message, stopped));
    } catch (error) {
      return ended({ failure: failureOf(error) });
    }
  }

  #exchange(message: Message, stopped: AbortSignal, isRepeated = false): Promise<Partial<SendResult>> {
    const { clock, timeoutMs } = this.#deps;
    const { url, headers, body } = message;
    const options = { method: 'POST', headers, lookup: this.#lookup };
    const request = url.startsWith('http:')
      ? requestHttp(url, { ...options, agent: this.#agents.http })
      : requestHttps(url, { ...options, agent: this.#agents.https });
    const cancel = clock.after(timeoutMs, () => request.destroy(new TooSlow()));
    const stop = () => request.destroy(new Stopped());
    stopped.addEventListener('abort', stop, { once: true });
    return new Promise<Partial<SendResult>>((resolve, reject) => {
      let isAnswered = false;
      const fail = (error: Error) => {
        if (isAnswered) return;
        // The receiver closed an idle connection at the very moment it was reused.
        const isStale = request.reusedSocket && !isRepeated && STALE.test(String((error as { code?: unknown }).code));
        if (isStale && !stopped.aborted) resolve(this.#exchange(message, stopped, true));
        else reject(error);
      };
      request.on('error', fail);
      request.on('close', () => fail(new Error('the connection was closed')));
      request.on('response', (response) => {
        isAnswered = true;
        this.#finish(request, response, resolve);
      });
      request.end(body);
    }).finally(() => {
      cancel();
      stopped.removeEventListener('abort', stop);
    });
  }

  /** The status decides. The rest is read only so that the connection can be reused. */
  #finish(request: ClientRequest, response: IncomingMessage, resolve: (result: Partial<SendResult>) => void): void {
    const { statusCode: status = 0, headers } = response;
    const cancel = this.#deps.clock.after(BODY_MS_MAX, () => request.destroy());
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > RESPONSE_BYTES_MAX) request.destroy();
    });
    response.on('error', () => {});
    response.on('close', () => {
      cancel();
      const failure = status >= 200 && status < 300 ? null : status >= 300 && status < 400 ? 'redirect' : 'status';
      resolve({ status, failure, retryAfterMs: retryAfterIn(headers['retry-after']) });
    });
  }

  [Symbol.dispose](): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }
}

/**
 * Names are resolved by DNS queries of c-ares. `dns.lookup` would occupy one of the four threads that also decompress the
 * log, and a few names with slow servers would block all of them.
 */
function resolver(): (host: string) => Promise<string[]> {
  const dns = new Resolver(RESOLVER);
  const query = (name: 'resolve4' | 'resolve6', host: string) =>
    new Promise<string[]>((resolve) => {
      dns[name](host, (error, found) => resolve(error ? [] : found));
    });
  return async (host) => (await Promise.all([query('resolve4', host), query('resolve6', host)])).flat();
}

function lookupOf(addresses: OutgoingAddresses, resolve: (host: string) => Promise<string[]>): LookupFunction {
  return (host, options, callback) => {
    resolve(host).then(
      (found) => {
        const all = found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
        const [first] = all;
        // A name with both public and private addresses is refused as a whole: nobody needs such a name.
        if (!first) callback(new NameNotResolved(), '', 0);
        else if (!found.every((address) => addresses.allows(address))) callback(new AddressNotAllowed(), '', 0);
        else if (options.all) callback(null, all);
        else callback(null, first.address, first.family);
      },
      () => callback(new NameNotResolved(), '', 0),
    );
  };
}

const STALE = /^(ECONNRESET|EPIPE)$/;
const TLS_CODE = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_|SELF_SIGNED|DEPTH_ZERO|EPROTO|HOSTNAME_MISMATCH)/;
const CONNECT_CODE = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EADDRNOTAVAIL|EACCES|EPERM)$/;

/** The reasons are coarse, because details would let users explore networks. */
function failureOf(error: unknown): DeliveryFailure {
  if (error instanceof AddressNotAllowed) return 'address_not_allowed';
  if (error instanceof NameNotResolved) return 'name_not_resolved';
  if (error instanceof TooSlow) return 'timeout';
  // Several addresses were tried.
  const cause = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const code = String((cause as { code?: unknown } | undefined)?.code ?? '');
  if (TLS_CODE.test(code)) return 'tls_failed';
  return CONNECT_CODE.test(code) ? 'not_connected' : 'connection_lost';
}

/** Accepts only seconds, the only form that does not depend on clocks. */
function retryAfterIn(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,7}$/.test(text) ? Number(text) * 1000 : null;
}
