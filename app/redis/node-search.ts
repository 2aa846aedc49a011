import { Redis } from 'ioredis';
import type { Endpoint, RedisUrl } from '../kernel/redis-url.ts';

/** Finds the node that holds the keys of a shard. */
export interface NodeSearch {
  /** @throws Error that names every endpoint, and why it did not return the node */
  find(): Promise<Endpoint>;
}

export interface SearchTiming {
  connectTimeoutMs: number;
  commandTimeoutMs: number;
}

/**
 * An endpoint gave an answer that will not change until someone changes the configuration: the name or the credentials
 * are wrong.
 */
export class WrongEndpoint extends Error {
  override readonly name = 'WrongEndpoint';
}

/**
 * Queries the Sentinels for the current master. The first answer is used, as the documentation of Redis requires of clients.
 * The answer may be outdated, which is safe, because every script checks which server runs it.
 */
export function sentinelSearch({ endpoints, masterName, sentinel }: RedisUrl, timing: SearchTiming): NodeSearch {
  return new EndpointSearch(endpoints, 'Sentinel', (endpoint) =>
    asked(endpoint, sentinel, timing, async (redis) => {
      const reply = await redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName);
      if (reply === null) throw new WrongEndpoint(`it monitors no master ${JSON.stringify(masterName)}`);
      const [host, port] = reply as [string, string];
      return { node: { host, port: Number(port) }, others: [] };
    }),
  );
}

type SlotRange = [from: number, to: number, master: [host: string | null, port: number], ...replicas: unknown[]];

/**
 * Queries the nodes of a cluster for the master of a slot. Once a node has answered, all masters that it has named can
 * be queried, too, because the nodes in the URL may disappear later.
 */
export function clusterSearch(url: RedisUrl, slot: number, timing: SearchTiming): NodeSearch {
  return new EndpointSearch(url.endpoints, 'node', (endpoint) =>
    asked(endpoint, url, timing, async (redis) => {
      const info = String(await redis.call('CLUSTER', 'INFO'));
      // A node that is disconnected from the others keeps an old map of the slots.
      if (!/^cluster_state:ok\r?$/m.test(info)) throw new Error('for this node, the state of the cluster is not ok');
      const ranges = (await redis.call('CLUSTER', 'SLOTS')) as SlotRange[];
      const masters = ranges.map(([from, to, [host, port]]) => ({
        from,
        to,
        // An empty host means the queried node; a question mark means that the node does not know the host.
        node: { host: host === null || host === '' ? endpoint.host : host, port },
      }));
      const master = masters.find(({ from, to }) => from <= slot && slot <= to)?.node;
      if (!master || master.host === '?') throw new Error(`it knows no master of slot ${slot}`);
      return { node: master, others: masters.map(({ node }) => node).filter(({ host }) => host !== '?') };
    }),
  );
}

interface Found {
  node: Endpoint;
  /** Further endpoints that can be queried from now on. */
  others: readonly Endpoint[];
}

/**
 * Queries one endpoint after another, starting with the one after the endpoint that was queried last, because the view
 * of that endpoint may be outdated.
 */
class EndpointSearch implements NodeSearch {
  readonly #given: readonly Endpoint[];
  readonly #word: string;
  readonly #ask: (endpoint: Endpoint) => Promise<Found>;
  #endpoints: readonly Endpoint[];
  #next = 0;

  constructor(given: readonly Endpoint[], word: string, ask: (endpoint: Endpoint) => Promise<Found>) {
    this.#given = given;
    this.#endpoints = given;
    this.#word = word;
    this.#ask = ask;
  }

  async find(): Promise<Endpoint> {
    const failures: string[] = [];
    let isWrong = false;
    const endpoints = this.#endpoints;
    for (let tries = 0; tries < endpoints.length; tries++) {
      const endpoint = endpoints[this.#next++ % endpoints.length];
      if (!endpoint) continue;
      try {
        const { node, others } = await this.#ask(endpoint);
        this.#remember(others);
        return node;
      } catch (error) {
        isWrong ||= error instanceof WrongEndpoint;
        failures.push(`${nameOf(endpoint)}: ${(error as Error).message}`);
      }
    }
    const message = `no ${this.#word} knows the node: ${failures.join('; ')}`;
    throw isWrong ? new WrongEndpoint(message) : new Error(message);
  }

  #remember(others: readonly Endpoint[]): void {
    const given = new Set(this.#given.map(nameOf));
    this.#endpoints = [...this.#given, ...others.filter((other) => !given.has(nameOf(other)))];
  }
}

/** Matches the codes of Node.js and OpenSSL for certificate errors. */
export const CERTIFICATE_CODE = /CERT|^UNABLE_TO_/;

export const nameOf = ({ host, port }: Endpoint): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Errors in response to a login, or to a command that this kind of server does not support. */
const REFUSED = /^(NOAUTH|WRONGPASS|NOPERM|ERR (unknown command|This instance has cluster support disabled|AUTH))/;

/** Sends a query on a separate connection, which is never used for commands of the ledger. */
async function asked<T>(
  endpoint: Endpoint,
  { username, password, tls }: Pick<RedisUrl, 'username' | 'password' | 'tls'>,
  { connectTimeoutMs, commandTimeoutMs }: SearchTiming,
  question: (redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = new Redis({
    ...endpoint,
    ...(username !== null && { username }),
    ...(password !== null && { password }),
    ...(tls && { tls: {} }),
    lazyConnect: true,
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
  });
  let trouble: Error | null = null;
  redis.on('error', (error: Error) => {
    trouble ??= error;
  });
  try {
    await redis.connect();
    return await question(redis);
  } catch (error) {
    // Without a connection, the error of a command does not contain the cause.
    const cause: NodeJS.ErrnoException = trouble ?? (error as Error);
    if (CERTIFICATE_CODE.test(cause.code ?? ''))
      throw new WrongEndpoint(`its certificate is not accepted: ${cause.message} (${cause.code})`);
    throw REFUSED.test(cause.message) ? new WrongEndpoint(cause.message) : cause;
  } finally {
    redis.disconnect();
    // `disconnect` would wait 2 s for a peer that is gone.
    redis.stream?.destroy();
  }
}
